"""From the command line to the task: folders, user configs, and what is said of mistakes."""

import os
import pickle
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from pinnrun.composition import confdir
from pinnrun.errors import UserError


class Task:
    """Stands for a command's task: remembers what it got, and may fail."""

    __module__ = "pinnrun.commands.train"  # after which Hydra names the job
    __name__ = "task"

    def __init__(self) -> None:
        self.configs: list[DictConfig] = []
        self.folders: list[Path] = []
        self.error: Exception | None = None

    def __call__(self, config: DictConfig) -> int:
        self.configs.append(config)
        self.folders.append(Path(HydraConfig.get().runtime.output_dir))
        if self.error is not None:
            raise self.error
        return 4


@pytest.fixture
def task() -> Task:
    return Task()


@pytest.fixture
def run(toy_conf, workplace, monkeypatch, task):
    """Run the task with a command line, in an empty folder, with the toy configs."""
    monkeypatch.setattr(confdir, "conf_dir", lambda: toy_conf)

    def run(*words: str, config_name: str = "train", check: Any = None) -> Any:
        monkeypatch.setattr(sys, "argv", ["pinnrun train", *words])
        return confdir.run_hydra(task, config_name, check)

    return run


def said(run, *words: str, **options: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        run(*words, **options)
    return str(caught.value).splitlines()


# ---- where the configs are -------------------------------------------------------------------------------


def test_configs_inside_the_package_come_before_those_beside_it(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "pinnrun"
    (package.parent / "conf").mkdir(parents=True)
    monkeypatch.setattr(confdir, "__file__", str(package / "composition" / "confdir.py"))
    assert confdir.conf_dir() == package.parent / "conf"
    (package / "conf").mkdir(parents=True)
    assert confdir.conf_dir() == package / "conf"


def test_an_installation_without_configs_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(confdir, "__file__", str(tmp_path / "pinnrun" / "composition" / "confdir.py"))
    with pytest.raises(UserError, match="reinstall"):
        confdir.conf_dir()


def test_user_configs_join_those_of_pinnrun(run, task, tmp_path):
    (tmp_path / "mine" / "problem").mkdir(parents=True)
    (tmp_path / "mine" / "problem" / "beam.yaml").write_text("name: beam\n")
    run("problem=beam", "--config-dir", str(tmp_path / "mine"))
    assert task.configs[0].problem.name == "beam"


def test_the_environment_names_a_folder_of_user_configs(run, task, tmp_path, monkeypatch):
    (tmp_path / "mine" / "problem").mkdir(parents=True)
    (tmp_path / "mine" / "problem" / "beam.yaml").write_text("name: beam\n")
    monkeypatch.setenv("PINNRUN_CONFIG_DIR", str(tmp_path / "mine"))
    run("problem=beam")
    assert task.configs[0].problem.name == "beam"
    assert "beam" in said(run, "problem=beem")[1]


@pytest.mark.parametrize("source", ["--config-dir", "$PINNRUN_CONFIG_DIR"])
def test_a_folder_of_user_configs_that_is_not_there(run, monkeypatch, source):
    monkeypatch.setenv("PINNRUN_CONFIG_DIR", "nowhere")
    words = ["--config-dir", "nowhere"] if source == "--config-dir" else []
    assert said(run, *words) == [f"{source}: there is no folder 'nowhere'"]


def test_a_user_config_that_pinnrun_would_hide_is_refused(run, tmp_path):
    mine = tmp_path / "mine" / "problem" / "wave.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("name: wave\nspeed: 1\n")
    assert said(run, "--config-dir", str(tmp_path / "mine")) == [f"{mine} is hidden by pinnrun's own wave; rename it"]


def test_pinnruns_own_folder_hides_nothing(run, toy_conf):
    assert run("--config-dir", str(toy_conf)) == 4


# ---- runs ------------------------------------------------------------------------------------------------


def test_the_task_gets_the_config_and_its_result_comes_back(run, task, workplace):
    assert run("steps=7", "problem=heat") == 4
    [config], [folder] = task.configs, task.folders
    assert (config.steps, config.problem.name) == (7, "heat")
    assert "hydra" not in config
    assert folder.parent == workplace / "outputs" / "heat"
    assert OmegaConf.load(folder / ".hydra" / "config.yaml") == config
    assert (folder / "train.log").is_file()


def test_overrides_may_stand_on_both_sides_of_an_option(run, task, tmp_path):
    run("steps=7", "--config-dir", str(tmp_path), "problem=heat")
    assert (task.configs[0].steps, task.configs[0].problem.name) == (7, "heat")


def test_runs_that_start_in_the_same_second_have_folders_of_their_own(run, task):
    run()
    run()
    assert len(set(task.folders)) == 2
    assert all(re.search(r"_[0-9a-f]{4}$", folder.name) for folder in task.folders)


def test_compose_gives_what_a_run_would_get(run, task):
    run("steps=7")
    assert confdir.compose("train", ["steps=7"]) == task.configs[0]


def test_showing_the_config_runs_and_leaves_nothing(run, task, workplace, capsys):
    assert run("--cfg", "job", "steps=7") is None
    assert OmegaConf.create(capsys.readouterr().out).steps == 7
    assert not task.configs
    assert not list(workplace.iterdir())


def test_a_reader_of_the_config_that_leaves_is_not_taken_for_a_mistake(run, monkeypatch):
    def write(text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys.stdout, "write", write)
    with pytest.raises(BrokenPipeError):
        run("--cfg", "job")


def test_a_sweep_runs_every_combination(run, task):
    assert run("--multirun", "steps=1,2", "problem=wave,heat") is None
    found = [(config.steps, config.problem.name) for config in task.configs]
    assert found == [(1, "wave"), (1, "heat"), (2, "wave"), (2, "heat")]


def test_the_check_sees_the_config_before_there_is_a_folder(run, task, workplace):
    def check(config: DictConfig) -> None:
        assert "hydra" not in config
        assert not list(workplace.iterdir())
        if config.steps < 0:
            raise UserError("steps: must be at least 0")

    assert run("steps=3", check=check) == 4
    task.configs.clear()
    before = sorted(workplace.rglob("*"))
    assert said(run, "steps=-3", check=lambda config: (_ for _ in ()).throw(UserError("no"))) == ["no"]
    assert sorted(workplace.rglob("*")) == before
    assert not task.configs


def test_a_sweep_is_checked_before_its_first_job(run, task, workplace):
    def check(config: DictConfig) -> None:
        if config.steps == 3:
            raise UserError("steps: not 3")

    lines = said(run, "--multirun", "steps=1,2,3", "title=a", check=check)
    assert lines == ["in the job 'steps=3 title=a':", "steps: not 3"]
    assert not task.configs
    assert not list(workplace.iterdir())


def test_a_check_may_resolve_the_run_folder(run, workplace):
    seen: list[str] = []
    run("++where=${hydra:runtime.output_dir}", check=lambda config: seen.append(config.where))
    assert seen[0].startswith(str(workplace / "outputs" / "wave"))


def test_a_mistake_found_by_the_task_takes_the_folder_back(run, task, workplace, capfd):
    task.error = UserError("the plugin is missing")
    assert said(run) == ["the plugin is missing"]
    assert [path.name for path in workplace.rglob("*")] == ["outputs"]
    assert capfd.readouterr().err == ""


def test_a_bug_in_the_task_keeps_the_folder_and_its_own_traceback(run, task):
    task.error = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug") as caught:
        run()
    assert task.folders[0].is_dir()
    assert not [entry.path for entry in caught.traceback if "site-packages/hydra" in str(entry.path)]


@pytest.mark.parametrize("error", [ValueError("bad"), OSError(2, "no such file"), KeyError("k")])
def test_an_error_of_the_task_is_not_taken_for_one_of_the_config(run, task, error):
    task.error = error
    with pytest.raises(type(error)):
        run()


def test_a_bug_in_the_check_is_raised_as_it_is(run):
    with pytest.raises(ValueError, match="a bug"):
        run(check=lambda config: (_ for _ in ()).throw(ValueError("a bug")))


def test_one_failing_job_does_not_end_a_sweep(run, task):
    class Second(Task):
        def __call__(self, config: DictConfig) -> int:
            self.error = ValueError("two") if config.steps == 2 else None
            return super().__call__(config)

    task.__class__ = Second
    with pytest.raises(ValueError, match="two"):
        run("--multirun", "steps=1,2,3")
    assert [config.steps for config in task.configs] == [1, 2, 3]


def test_hydras_own_errors_can_be_asked_for(run, monkeypatch):
    from hydra.errors import ConfigCompositionException

    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ConfigCompositionException, match="To append to your config"):
        run("stepps=3")


def test_the_environment_is_left_as_it_was(run):
    run()
    assert "HYDRA_FULL_ERROR" not in os.environ


def test_a_job_can_be_sent_to_another_process():
    copy = pickle.loads(pickle.dumps(confdir._Job(os.getcwd)))
    assert copy.task is os.getcwd
    assert copy.__module__ == os.getcwd.__module__


# ---- mistakes --------------------------------------------------------------------------------------------

PROBLEMS = "Available options in 'problem': heat, wave"

MISTAKES = [
    (["problem=wav"], ["problem=wav: no such option; did you mean 'wave'?", PROBLEMS]),
    (["problem="], ["problem=: no such option", PROBLEMS]),
    (["problem=3"], ["problem=3: 'problem' is chosen by name", PROBLEMS]),
    (["problm=wave"], ["unknown key 'problm'; did you mean 'problem'?"]),
    (["problem@x=wave"], ["'problem@x' is not part of this config; did you mean 'problem'?"]),
    (
        ["+experiment=quik"],
        [
            "experiment=quik: no such option; did you mean 'quick'?",
            "Available options in 'experiment': quick",
        ],
    ),
    (["experiment=quick"], ["'experiment' is not part of this config; to add it write +experiment=quick"]),
    (["architecture.widht=3"], ["unknown key 'architecture.widht'; did you mean 'architecture.width'?"]),
    (["architecture/width=3"], ["unknown key 'architecture/width'; did you mean 'architecture.width'?"]),
    (["architecture.width.x=3"], ["unknown key 'architecture.width.x'; did you mean 'architecture.width'?"]),
    (["width=3"], ["unknown key 'width'; did you mean 'architecture.width'?"]),
    (["wdith=3"], ["unknown key 'wdith'; did you mean 'architecture.width'?"]),
    (["hydra.rn.dir=x"], ["unknown key 'hydra.rn.dir'; did you mean 'hydra.run.dir'?"]),
    (["qqq=3"], ["unknown key 'qqq'; --cfg job lists all keys"]),
    (
        ["stepps=3", "problem=wave", "tilte=x"],
        ["unknown key 'stepps'; did you mean 'steps'?", "unknown key 'tilte'; did you mean 'title'?"],
    ),
    (
        ["stepps=3", "problem=wav"],
        ["problem=wav: no such option; did you mean 'wave'?", PROBLEMS],
    ),
    (["wave"], ["cannot read 'wave': a setting is written key=value; did you mean 'problem=wave'?"]),
    (["fast"], ["cannot read 'fast': a setting is written key=value"]),
    (["steps==5"], ["cannot read 'steps==5'; did you mean 'steps=5'?"]),
    (
        ["title=a=b"],
        [
            "cannot read 'title=a=b'",
            "Lists are written title=[1,2]; text with = , : [ ] { } or spaces is quoted twice: 'title=\"a=b\"'",
        ],
    ),
    (
        ["steps=1,2"],
        ["steps=1,2 gives one run several values; 'pinnrun sweep' runs them all, and a list is written steps=[1,2]"],
    ),
    (["steps=range(1,3)"], ["steps=range(1,3) gives one run several values; 'pinnrun sweep' runs them all"]),
    (["+steps=4"], ["'steps' exists already; write steps=4 without the +"]),
    (["~stps"], ["~stps: there is no 'stps' to remove; did you mean '~steps'?"]),
    (["~problm=wave"], ["~problm: there is no 'problm' to remove; did you mean '~problem'?"]),
    (
        ["hydra.launcher=basic"],
        ["hydra.launcher=basic would overwrite a group; to choose from it write hydra/launcher=basic"],
    ),
    (
        ["hydra/launcher=jobli"],
        ["hydra/launcher=jobli: no such option", "Available options in 'hydra/launcher': basic"],
    ),
    (["hydra.run.dir=${nope}"], ["hydra.run.dir: Interpolation key 'nope' not found"]),
    (
        ["hydra.run.dir=/proc/x"],
        [
            "cannot write the run folder '/proc/x': No such file or directory",
            "Choose another with hydra.run.dir=FOLDER, or hydra.sweep.dir=FOLDER for a sweep.",
        ],
    ),
    (["--config-name", "trian"], ["--config-name trian: no such option; did you mean 'train'?", None]),
    (["--steps=3"], ["unknown option '--steps=3'; settings are written without dashes: steps=..."]),
    (["--cofnig-dir", "x"], ["unknown option '--cofnig-dir'; did you mean '--config-dir'?"]),
    (["--config-path", "x"], ["--config-path would hide pinnrun's own configs; add yours with --config-dir"]),
    (
        ["--experimental-rerun", "x"],
        ["--experimental-rerun reads a pickle, which can run code; it is not supported"],
    ),
    (["--resolve"], ["The --resolve flag can only be used in conjunction with --cfg or --help"]),
    (["--cfg", "job", "stepps=3"], ["unknown key 'stepps'; did you mean 'steps'?"]),
    (["-m", "steps=1,2", "tilte=a,b"], ["unknown key 'tilte'; did you mean 'title'?"]),
    (["-m", "problem=wave,haet"], ["problem=haet: no such option; did you mean 'heat'?", PROBLEMS]),
]


@pytest.mark.parametrize("words, lines", MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_told_in_few_words_and_leaves_nothing_behind(run, task, workplace, words, lines):
    found = said(run, *words)
    assert [line for line, expected in zip(found, lines, strict=True) if expected not in (None, line)] == []
    assert not task.configs
    assert not list(workplace.iterdir())


def test_a_choice_without_default_must_be_made(run):
    assert said(run, config_name="open") == ["choose one: problem=...", PROBLEMS]


def test_bad_yaml_is_told_with_file_and_line(run, tmp_path):
    mine = tmp_path / "mine" / "problem" / "beam.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("name: beam\nspeed: [1, 2\nother: 3\n")
    [line] = said(run, "problem=beam", "--config-dir", str(tmp_path / "mine"))
    assert line.startswith(f"{mine}, line 3: not valid YAML; ")


def test_a_missing_default_in_a_users_file_names_the_file(run, tmp_path):
    mine = tmp_path / "mine" / "experiment" / "long.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("# @package _global_\ndefaults:\n  - override /problem: haet\n  - _self_\nsteps: 9\n")
    lines = said(run, "+experiment=long", "--config-dir", str(tmp_path / "mine"))
    assert lines[0].startswith("problem=haet: no such option; did you mean 'heat'? (asked for in ")


def test_random_mistakes_are_user_errors_and_leave_nothing_behind(run, task, workplace):
    random_ = random.Random(7)
    keys = ["steps", "title", "architecture.width", "problem.speed", "problem", "optimizer", "hydra.run.dir"]
    for _ in range(40):
        key = list(random_.choice(keys))
        place = random_.randrange(len(key))
        key[place] = random_.choice([letter for letter in "qzxj_./={" if letter != key[place]])
        word = "".join(key) + random_.choice(["=3", "=wave", "==", "={", "=[1", "=${", "=a b", "", "=1,2"])
        with pytest.raises(UserError) as caught:
            run(word)
        assert 0 < len(str(caught.value).splitlines()) <= 6, word
        assert not list(workplace.iterdir()), word
    assert not task.configs


def test_neither_torch_nor_numpy_is_needed():
    code = (
        "import sys, pinnrun.composition.confdir, pinnrun.strict; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
