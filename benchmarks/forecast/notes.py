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

The mean of the damped and the pooled trend, the default, is off by less than either on the problems held out. It meets
the aim for the nearest horizon of steady losses, comes within 0.02 decades of that over all windows, and misses the
others: half a decade at five and ten times the steps. The pooled trend alone meets the aims for 5 and 10 n over all
windows on the problems that its constants were chosen on, and is the worse one elsewhere.

What limits it is what cannot be seen at step n:

* **Levenberg-Marquardt** on the held-out problems is the largest error of all. Helmholtz' equation stands at a loss of
  300 after 56 steps and at 2e-6 after 300, where a line in log-time expects little; the constants of Gauss-Newton
  methods, learned on four trainings, do not carry over. Every other kind of training is within a decade at 5 n.
* **Accelerating** losses, the commonest phase, fall in ways that no trend read off the past has in it.
* **Plateaus** are forecast within a tenth of a decade where they last; half of those on the held-out problems are
  off by more than half a decade at 5 n, because they end.
* **Clocks**: under a cosine the sum of the rates is the better one (0.10 against 0.26 decades at 5 n, on eleven
  windows). Evaluations cost about the same at every step, so that clock is the steps again.

Probabilities are reliable from 0.2 up. At the low end they are too sure on problems not seen: of the targets that were
called all but hopeless a tenth was reached. So the verdict believes them only below 0.05, and before and in the first
drop not until two fifths of the horizon; that keeps false stops below the aim on both groups. With thresholds of 0.15
and a fifth of the horizon they were 10 %. Waiting twice as long on a plateau cost another tenth of the budget and saved
nothing; asking again at one and a half times the steps, rather than at twice, saves a twentieth. What is still spent in
vain is above the aim mostly for Levenberg-Marquardt, whose least look of 80 steps is a quarter of these budgets.
Replayed with the other forecasters the verdict does about as well, so its rules weigh more than the trend.
"""
