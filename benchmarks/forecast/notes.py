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
## What the tables say

On the problems that its constants were chosen on the pooled trend meets the aims for all windows; on the problems held
out it does not, and neither does any other. There it is no better than the damped trend in the median. What it gains
is at the far end: at 5 and 10 n the 90 % quantiles are a quarter to a third lower on all problems, and the upward bias
of the others, half a decade at 10 n, is gone.

What limits it is what cannot be seen at step n:

* **Levenberg-Marquardt** on the held-out problems is the largest error of all. A training that has been slow for thirty
  steps falls by eight decades within the next thirty, where a line in log-time expects one; the constants of Gauss-Newton
  methods, learned on four trainings, do not carry over. Every other family of training is within a decade at 5 n.
* **Accelerating** losses, the commonest phase, fall faster than any trend read off the past; **plateaus** are forecast to
  a tenth of a decade where they last, and missed by decades where they end, which half of the held-out ones do.
* **Clocks** make little difference. Under a cosine the sum of the rates is no better than the steps here, a little worse
  at the end; evaluations cost about the same at every step of a quasi-Newton method, so that clock is the steps again.

Probabilities are better than the errors: far from a constant's Brier score of a quarter, and reliable from 0.2 up. At
the low end they are too sure on problems not seen: of the targets called all but hopeless a tenth is reached. That is
also where the policy gives up networks that would have arrived, and its error is the Brier score's. Waiting longer buys
fewer false stops with more steps spent in vain; replays of the other forecasters through the same verdict differ by a few
per cent only, so that the rules of the verdict, not the trend, decide.
"""
