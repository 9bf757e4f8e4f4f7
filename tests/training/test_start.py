"""A start as wide as is free, against operations counted term by term; and the order of growth that follows it."""

from pathlib import Path

import pytest
from runs import lookup, start

from pinnrun.build import checked_config
from pinnrun.composition.confdir import compose
from pinnrun.scaleup.price import step_cost
from pinnrun.training.start import first_network


def operations(size, rows, jets):
    """Of a step of Levenberg-Marquardt on two terms: calls, jets, rows of J, half of its Gram matrix, Cholesky."""
    return 5e6 + 2 * 1.5e7 + 8 * 3 * jets * size + rows * size + rows * size**2 / 2 + size**3 / 6


def network_of(*words):
    return first_network(checked_config(compose("train", list(words))))[0]


@pytest.mark.parametrize(
    ("problem", "inputs", "rows", "jets"),
    [
        # in the domain u, its gradient and Δu, which a Laplacian's jet is made of; on the boundary u alone
        ("poisson problem.points=100 problem.boundary_points=40", 2, 140, 100 * 4 + 40),
        ("poisson_cos5d problem.points=300 problem.boundary_points=50", 5, 350, 300 * 7 + 50),
    ],
)
def test_the_width_is_the_largest_that_a_quarter_more_pays_for(problem, inputs, rows, jets):
    rows_per_parameter = "sampling.rows_per_parameter=0"
    network = network_of(*f"problem={problem}".split(), rows_per_parameter)
    sizes = {width: (inputs + 2) * width + 1 for width in range(inputs + 1, 129)}
    limit = 1.25 * operations(sizes[inputs + 1], rows, jets)
    affordable = [width for width, size in sizes.items() if operations(size, rows, jets) <= limit]
    assert network.depth == 1 and network.width == max(affordable) > inputs + 1


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        ("heat1d", "it evolves in time"),
        ("wave", "it evolves in time"),
        ("inverse_burgers", "it evolves in time"),
        ("kovasznay", "it has three components"),
    ],
)
def test_two_layers_where_the_field_evolves_or_has_several_components(problem, why):
    """As wide as 2.5 times the operations of the one free layer pay for; as wide as that one, at any price."""
    config = checked_config(compose("train", [f"problem={problem}", "scaleup.max_width=128", "scaleup.max_depth=6"]))
    network, cost = first_network(config)[0], step_cost(config)
    assert network.depth == 2, why

    def operations_of(width, depth):
        words = (f"problem={problem}", f"architecture.width={width}", f"architecture.depth={depth}")
        return cost.operations(network_of(*words).size)

    affordable = 1.25 * operations_of(len(config.problem.coordinates) + 1, 1)
    one = max(width for width in range(3, 50) if operations_of(width, 1) <= affordable)
    limit = 2.5 * operations_of(one, 1)
    assert operations_of(network.width, 2) <= limit < operations_of(network.width + 1, 2)
    any_price = network_of(f"problem={problem}", "scaleup.max_width=128", "scaleup.dearer=null")
    assert (any_price.width, any_price.depth) == (one, 2)


def test_one_layer_where_nothing_calls_for_two_or_the_limits_forbid_it():
    assert network_of("problem=lorenz").depth == 1, "a system, but of one coordinate"
    assert network_of("problem=npbe").depth == 1
    narrow, wide = network_of("problem=heat1d"), network_of("problem=heat1d", "scaleup.max_depth=1")
    assert wide.depth == 1 and wide.width > narrow.width
    assert network_of("problem=heat1d", "scaleup.start=theory").depth == 1
    assert network_of("problem=heat1d", "architecture.depth=1").width == wide.width


def test_it_stays_within_the_limits_of_growth():
    assert network_of("problem=poisson", "scaleup.max_width=5").width == 5
    assert network_of("problem=poisson", "scaleup.max_parameters=30").width == 7  # 4 W + 1
    assert network_of("problem=poisson", "scaleup.max_width=2").width == 3  # the smallest is not cut


def test_what_the_architecture_gives_goes_before():
    given = network_of("problem=poisson", "architecture.width=4", "architecture.depth=2")
    assert (given.width, given.depth) == (4, 2)
    deep = network_of("problem=poisson", "architecture.depth=2")
    assert deep.depth == 2 and 3 < deep.width < network_of("problem=poisson").width
    deeper = network_of("problem=poisson", "architecture.depth=4")
    assert (deeper.width, deeper.depth) == (deep.width, 4)
    assert network_of("problem=poisson", "architecture.depth=4", "scaleup.max_parameters=200").size <= 200
    assert network_of("problem=heat1d", "architecture.depth=2").width == network_of("problem=heat1d").width


def first_growth(folder):
    stages = lookup(folder).stages
    return [(stage.architecture["width"], stage.architecture["depth"]) for stage in stages[:2]]


def test_depth_comes_next_where_width_has_been_used_up(workplace):
    """Dogra's closing remark: width until it slows the device, then depth; after the smallest start, width.

    A second layer takes width back that was free in one only: 4 W + 1 parameters become W² + 5 W + 1.
    """
    short = ("scaleup.max_parameters=3000", "budget.steps=20")
    start(Path("free"), "scaleup.start=free", *short)
    (width, _), second = first_growth(Path("free"))
    assert 3 < second[0] < width and second[1] == 2
    start(Path("narrow"), "scaleup.start=free", "scaleup.max_width=5", *short)
    assert first_growth(Path("narrow")) == [(5, 1), (5, 2)], "no room for another width"
    start(Path("wide"), "scaleup.start=free", "scaleup.alpha=20", "scaleup.max_width=128", *short)
    assert first_growth(Path("wide"))[1][0] > width, "less than twenty times the smallest"
    start(Path("smallest"), *short)
    assert first_growth(Path("smallest")) == [(3, 1), (6, 1)]
    start(Path("given"), "scaleup.start=free", "architecture.width=4", *short)
    assert first_growth(Path("given")) == [(4, 1), (8, 1)]
