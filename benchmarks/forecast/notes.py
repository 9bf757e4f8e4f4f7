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
are **further**. As in a default run there are three residual rows for every parameter, but for two of 10 000; unlike in
a default run they are at random points. A forecast is made from the first n steps alone; the truth at step t is the
median of log10 L over [0.97 t, t]; errors are in decades.

![Error by horizon and forecaster, reliability, coverage](../benchmarks/results/forecast.png)
"""
NOTES = """
## What the tables say

**What the linearization promises** (the [default](forecasters.md#what-the-linearization-promises) for Gauss-Newton
methods) takes two fifths off the errors of Levenberg-Marquardt with networks as default runs have them: 0.24, 0.49 and
0.74 decades at 2, 5 and 10 n on the further trainings, where the mean of the damped and the pooled trend, which it
replaced, is off by 0.38, 0.85 and 1.12. The Brier score there is 0.095, and a network out of reach is found after a
third of its budget, not two fifths, at the same share of wrong verdicts. It is what no feature of the loss curve had
brought: earlier slopes, the level, the drop so far and curvature were tried, and do not help on problems left out. The
four trainings among those held out, with eight forecasts to five times the steps, are all ahead of a steep descent,
which it takes for too slow as every forecaster does.

The constants and bands of promises were fitted to "fit" alone, but that they count was found on trainings of all
problems, and the verdict's rules for them among several hundred by their replays on all three groups, and among five on
[growing runs](growing-pays.md): the shares given up and spent in vain with Levenberg-Marquardt are not those of
problems never looked at.

Held against trainings that nothing was chosen on: the same networks with Levenberg-Marquardt on Sobol points, the
default since (`python -m benchmarks.forecast --sobol --families lm`, which writes into `outputs/benchmarks`). On the
further ones promises are off by 0.28, 0.71 and 0.80 decades at 2, 5 and 10 n, where the mean of the two trends is by
0.36, 0.94 and 1.32; the Brier score is 0.110, the 80 % band holds 87 % of the truths, 0.8 % of the networks that would
have arrived are given up, and 41 % of the budgets of those that would not are spent (47 % by the damped trend). So what
promises bring holds there, a quarter to two fifths off the errors; the verdict is more patient than it need be. The
plan's own held-out networks, with four forecasts to ten times the steps, are off by 0.43, 0.80 and 3.29.

For all other methods the default is the mean of the damped and the pooled trend: off by a seventh of a decade at twice
the steps and by half a decade at five times, on problems not seen, above the aims. Bands hold what they promise on
those problems, and more than that with Levenberg-Marquardt, whose laws were learned from merits too; the verdict gives
up fewer than one in twenty of the networks that would have arrived, on all three groups.

**What could be known at all** is told by twins: three trainings that differ from the one at hand in nothing but the
seed, and are seen to their end (`python -m benchmarks.forecast twins`). From the mean of three guesses of theirs (their
loss then; their descent from now on; their descent once they had come as low), forecasts are off by so many decades at
2, 5 and 10 n, in the median:

| windows | aim | twins | forecasts |
| --- | --- | --- | --- |
| held out, all | 0.12 / 0.30 / 0.45 | 0.14 / 0.26 / 0.26 | 0.18 / 0.62 / 0.79 |
| held out, steady | 0.10 / 0.20 / 0.30 | 0.11 / 0.20 / 0.25 | 0.14 / 0.37 / 0.65 |
| held out, further, all | 0.12 / 0.30 / 0.45 | 0.26 / 0.31 / 0.43 | 0.24 / 0.50 / 0.74 |
| held out, further, steady | 0.10 / 0.20 / 0.30 | 0.18 / 0.19 / 0.37 | 0.25 / 0.48 / 0.72 |

So much of a loss curve is chance. The aims at 2 n are below it; those at 5 and 10 n are just what three more trainings
to their end would tell, and the first n steps of one do not.

**Boosted trees** on everything that is known at step n do no better: ahead on the held-out problems by a fifth at 5 n
and a seventh at 10 n, behind by two fifths and more on the further trainings (`python -m benchmarks.forecast trees`;
[the figures](forecasters.md#the-mean-of-the-two)). So it is not the form of the forecaster that keeps it above the
aims.

What limits the errors is what cannot be seen at step n:

* **Accelerating** losses, the commonest phase, fall in ways that no trend read off the past has in it.
* **Plateaus** are forecast within a tenth of a decade where they last; those on the held-out problems are off by a
  third of a decade at 5 n in the median, because some end. With Levenberg-Marquardt a promise tells the two apart.
* **Clocks**: under a cosine the sum of the rates is the better one. Evaluations cost about the same at every step, so
  that clock is the steps again.

Probabilities are reliable from 0.2 up, and a little too low between 0.4 and 0.8. At the low end those of first-order
methods are a little too sure on problems not seen. Their bands are narrow, so the verdict believes them below 0.05, and
before and in the first drop not until half of the horizon. Those of methods with curvature are wide, and hardly ever
say less than 0.1: there a network is given up below 0.3, and below 0.15 after a quarter of the minimum where a promise
is known. `python -m benchmarks.forecast rules` replays every rule with other numbers, by family: earlier in the first
drop is what errs most for quasi-Newton methods. What is still spent in vain is above the aim: with Levenberg-Marquardt
the least look before and in the first drop, of 80 steps, is a quarter of these budgets.
"""
