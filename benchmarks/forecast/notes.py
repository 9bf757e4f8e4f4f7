"""What the page says in words."""

HEAD = """# How good the forecasts are

After every window pinnrun forecasts the loss and decides whether the network may reach its target. This page says how
far such forecasts are off, on trainings whose end is known. It is written by `python -m benchmarks.forecast`, from
`benchmarks/results/forecast.csv`.

76 trainings of 7 to 10 000 parameters on twelve problems: Adam on fixed points, on fresh points at every step and with
a cosine schedule, L-BFGS, self-scaled Broyden and Levenberg-Marquardt. The problems are in two groups that share none.
Constants and residual laws are chosen on **fit** (Poisson in one and two dimensions, nonlinear Poisson with e^u, an
oscillator, Burgers, Lorenz); **held out** (Poisson-Boltzmann, Helmholtz, Lotka-Volterra, heat, Black-Scholes, Poisson
in five dimensions) is what counts. A forecast is made from the first n steps alone; the truth at step t is the median
of log10 L over [0.97 t, t]; errors are in decades.

![Error by horizon and forecaster, reliability, coverage](../benchmarks/results/forecast.png)
"""
NOTES = """
"""
