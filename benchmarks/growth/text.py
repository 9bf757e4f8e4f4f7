"""What docs/growth.md says besides its tables."""

HEAD = """# How new neurons start

A network that grows has to begin somewhere. `scaleup.init` says where the new neurons of a widening start,
`scaleup.deepen_init` where a new layer does:

| rule | a new neuron | a new layer | the function |
|---|---|---|---|
| `reinit` | the larger network starts afresh | likewise | lost |
| `zero_out` | random incoming weights, outgoing ones zero | a residual block behind a gate of zero | kept |
| `net2net` | a copy: it shares its model's outgoing weights | the identity, nearly (`mlp`) or exactly | nearly kept |
| `shrink_perturb` | 0.6 of `zero_out` and 0.4 of a start afresh | likewise | changed |
| `residual` | as `zero_out`, chosen among 20 candidates | likewise, the block's neurons | kept |
| `greedy` | the same by a cheaper score | likewise | kept |

"Kept" is to rounding, in every family, with coefficients, embeddings and adaptive slopes; what a growth did to the
function is `growth.change` in `result.json`. Net2Net is Chen, Goodfellow & Shlens
([1511.05641](https://arxiv.org/abs/1511.05641)): copies get 1 % of noise, and the new layer of an `mlp` is an ordinary
one with W = 0.1, so that its network has no gates, as after `reinit`. Shrink and perturb is Ash & Adams
([1910.08475](https://arxiv.org/abs/1910.08475)).

`residual` draws twenty candidates for every neuron that is wanted: hyperplanes through what the layer below shows at
the training points, at scales from half to eight times the activation's. A candidate with outgoing weights of zero adds
columns to J, and the linearized objective says how much of the residual these explain once the network's own parameters
have done what they can. The best candidate is taken, projected out like the rest, and so on: orthogonal matching
pursuit. `greedy` leaves the network's own parameters out of it, and saves a matrix JᵀJ. Either costs a few steps of
Levenberg-Marquardt at the size at hand.

```console
$ pinnrun train problem=poisson scaleup.init=residual scaleup.deepen_init=residual target.loss=1e-4
```

## Which one wins

Every rule goes through the same sizes, a fixed number of steps each and the rest of the time at the last one; all get
the same CPU seconds, what the choice of neurons costs included. "From scratch" trains the last size alone for all of
them, which nobody can do who does not know it yet. This page is written by `python -m benchmarks.growth`, from
`benchmarks/results/growth.csv`.

![Error against CPU seconds](../benchmarks/results/growth.png)
"""

NOTES = """
Numbers beside `reinit` are geometric means over the cases of ratios of medians: below one is better. Errors are
relative L² against each problem's reference, on points that were not trained on; looks at them take no time and are
12 % apart.
"""

BY_DEFAULT = """
## In runs by default

A run by default is another matter: it starts with a dozen neurons, widens and deepens in turns, a stage lasts until its
forecast ends it, and what counts is when the target is met. The twenty targets of Levenberg-Marquardt in
[growing-pays.md](growing-pays.md), the same rule for widening and deepening, all trained in one go
(`python -m benchmarks.scaleup --variants`, five seeds); times are medians over the seeds, their ratios the geometric
mean of the targets that were met:

"""

DEFAULTS = """
## The defaults

Both are `reinit`. With Levenberg-Marquardt a deepened network that starts afresh ends nearest to what its size can do:
the others end at 1.2 to 6 times the error, for what keeps the function of the small network may keep its basin too, and
a layer behind a gate costs W² parameters more. A widened one may start as it likes (0.95 to 1.2 times the error), but
for `net2net`, whose copies are slow to part, and `greedy`. What starts afresh loses the error of the smaller network at
first, as the figure shows, and catches up soon. In runs by default no rule is faster by more than a twentieth;
`reinit` and `zero_out` miss no target, and `reinit` needs no gates.

Take `residual` for widening where a solution has many waves (Helmholtz: the aim is met in two thirds of the time and
less), where the smaller network's error must not be lost, and with Adam, which is slow to find its way again: half the
error at the same time.
"""
