"""What the page says in words."""

HEAD = """# How good the forecasts are

After every window pinnrun forecasts the loss and decides whether the network may reach its target. This page says how
far such forecasts are off, on trainings whose end is known. It is written by `python -m benchmarks.forecast`, from
`benchmarks/results/forecast.csv`.

186 trainings of 7 to 10 000 parameters on 22 problems: Adam on fixed points, on fresh points at every step and with a
cosine schedule, L-BFGS, self-scaled Broyden and Levenberg-Marquardt. The problems are in two groups that share none.
Constants, residual laws and the verdict's rules are chosen on **fit** (Poisson in one and two dimensions, nonlinear
Poisson with e^u, an oscillator, Burgers, Lorenz, and ten more with Levenberg-Marquardt alone); **held out**
(Poisson-Boltzmann, Helmholtz, Lotka-Volterra, heat, Black-Scholes, Poisson in five dimensions) is what counts.
Levenberg-Marquardt, the default optimizer, is trained with five more sizes on every problem; on those held out these
are **further**. A forecast is made from the first n steps alone; the truth at step t is the median of log10 L over
[0.97 t, t]; errors are in decades.

![Error by horizon and forecaster, reliability, coverage](../benchmarks/results/forecast.png)
"""
NOTES = """
## What the tables say

The mean of the damped and the pooled trend, the default, is off by a seventh of a decade at twice the steps and by
half a decade at five times, on problems not seen: near the aims at the nearest horizon, above them beyond. Bands hold
what they promise on the problems held out and a little more on the others, and the verdict gives up fewer than one in
twenty of the networks that would have arrived, on all three groups.

What limits the errors is what cannot be seen at step n:

* **Levenberg-Marquardt** is the hardest to forecast, and needs its own experience: with constants learned on four
  trainings the default was off by 0.73, 1.68 and 2.25 decades at 2, 5 and 10 n on the further ones (every training
  with the same weight), with those learned on 84 by 0.38, 0.86 and 1.19. What is left are plateaus that end:
  Helmholtz' equation stands at a loss of 300 after 56 steps and at 2e-6 after 300. More features than the late slope
  (earlier slopes, the level, the drop so far, curvature) were tried on these trainings, and do not help on problems
  left out.
* **Accelerating** losses, the commonest phase, fall in ways that no trend read off the past has in it.
* **Plateaus** are forecast within a tenth of a decade where they last; half of those on the held-out problems are off
  by more than half a decade at 5 n, because they end.
* **Clocks**: under a cosine the sum of the rates is the better one. Evaluations cost about the same at every step, so
  that clock is the steps again.

Probabilities are reliable from 0.2 up. At the low end those of first-order methods are a little too sure on problems
not seen: of the targets called all but hopeless a tenth was reached. Their bands are narrow, so the verdict believes
them below 0.05, and before and in the first drop not until half of the horizon. Those of methods with curvature are
wide, and hardly ever say less than 0.1: there a network is given up below 0.3 (quasi-Newton) and 0.4 (Gauss-Newton),
which costs no more of the networks that would have arrived, and saves a third of what was spent in vain. `python -m
benchmarks.forecast rules` replays every rule with other numbers, by family: earlier in the first drop is what errs
most for quasi-Newton methods (29 % of the reachable targets at a fifth of the horizon), asking at twice the steps
rather than one and a half times costs up to a twentieth more, a quarter more often gives up three times as many
reachable targets with Adam. What is still spent in vain is above the aim: with Levenberg-Marquardt the least look of
80 steps alone is a quarter of these budgets. Replayed with the other forecasters the verdict does about as well, so
its rules weigh more than the trend.
"""
