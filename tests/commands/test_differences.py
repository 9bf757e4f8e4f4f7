"""What tells configs apart, and by what names."""

from omegaconf import OmegaConf

from pinnrun.commands.differences import agreements, differences, reading_order, settings_of


def config(**changes):
    plain = {
        "problem.name": "poisson",
        "architecture.type": "mlp",
        "architecture.activation": "tanh",
        "architecture.width": 8,
        "optimizer.type": "adam",
        "optimizer.learning_rate": 1e-3,
        "seed": 0,
    }
    return {**plain, **{key.replace("_of_", "."): value for key, value in changes.items()}}


def test_what_differs_has_its_last_word_for_a_name_and_the_seed_stands_last():
    found = differences([config(seed=1), config(architecture_of_activation="sin", seed=2)])
    assert found == {"activation": ["tanh", "sin"], "seed": [1, 2]}
    assert list(found) == ["activation", "seed"]
    assert differences([config(), config()]) == {}


def test_a_kind_settles_what_goes_with_it():
    lm = config(optimizer_of_type="lm")
    del lm["optimizer.learning_rate"]
    lm["optimizer.damping"] = 1e-3
    assert differences([config(), lm]) == {"optimizer": ["adam", "lm"]}
    fast = config(optimizer_of_learning_rate=1e-2)
    assert differences([config(), fast, lm]) == {
        "optimizer": ["adam", "adam", "lm"],
        "learning_rate": [1e-3, 1e-2, None],
    }


def test_a_problem_settles_keys_of_other_groups():
    wide = config(problem_of_name="wave", architecture_of_width=20)
    assert differences([config(), wide]) == {"problem": ["poisson", "wave"]}
    assert differences([config(), wide, config(architecture_of_width=20)]).keys() == {"problem", "width"}


def test_two_keys_with_one_last_word_keep_their_groups():
    one, other = config(), config(architecture_of_type="pirate")
    one["weighting.every"], other["weighting.every"] = 1, 2
    one["sampling.every"], other["sampling.every"] = 1, 2
    assert list(differences([one, other])) == ["architecture", "weighting.every", "sampling.every"]


def test_numbers_are_sorted_by_size_and_what_is_not_there_stands_last():
    sizes = [config(architecture_of_width=width) for width in (16, 8, None, 4)]
    assert reading_order(sizes) == [3, 1, 0, 2]


def test_what_all_agree_in():
    keys = ("problem.name", "architecture.width", "optimizer.type")
    found = agreements([config(), config(architecture_of_width=4)], keys)
    assert found == {"problem": "poisson", "optimizer": "adam"}


def test_settings_leave_out_what_trains_nothing():
    plain = {
        "problem": {"name": "a", "about": {"equation": "x"}, "box": [[0, 1]]},
        "display": {"kind": "live"},
        "seed": 1,
    }
    assert settings_of(OmegaConf.create(plain)) == {"problem.name": "a", "problem.box": ((0, 1),), "seed": 1}
