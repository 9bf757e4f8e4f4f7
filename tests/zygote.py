"""Starts real `pinnrun` processes in milliseconds: forks of one process that has imported torch already."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Zygote:
    """The client: asks the process at the other end of a pipe to fork and to wait."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.count = scratch, 0
        root = str(Path(__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
        for name in ("SLURM_JOB_ID", "SUBMITIT_EXECUTOR", "PINNRUN_CONFIG_DIR", "HYDRA_FULL_ERROR"):
            environment.pop(name, None)
        command, pipe = [sys.executable, __file__], subprocess.PIPE
        self.server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def start(self, *words: str, cwd: Path, **options: Any) -> Child:
        """`pinnrun WORDS` in a process of its own; options: `fsize` bounds files, `env` adds variables."""
        self.count += 1
        streams = [self.scratch / f"{self.count}.{name}" for name in ("out", "err")]
        for stream in streams:
            stream.touch()
        order = {"words": words, "cwd": str(cwd), "streams": list(map(str, streams)), **options}
        return Child(self, int(self.ask(order)), *streams)

    def ask(self, order: dict[str, Any]) -> str:
        assert self.server.stdin and self.server.stdout
        print(json.dumps(order), file=self.server.stdin, flush=True)
        answer = self.server.stdout.readline()
        assert answer, "the zygote is gone"
        return answer

    def close(self) -> None:
        assert self.server.stdin and self.server.stdout
        self.server.stdin.close()
        assert self.server.wait(60) == 0
        self.server.stdout.close()


@dataclass
class Child:
    """One running command."""

    zygote: Zygote
    pid: int
    out_path: Path
    err_path: Path

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit code, negative if a signal ended it."""
        return int(self.zygote.ask({"wait": self.pid}))

    def wait_for(self, condition: Any, seconds: float = 60.0) -> None:
        """Look until `condition()` holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{condition} did not come true; it said: {self.err}"
            time.sleep(0.003)

    @property
    def out(self) -> str:
        return self.out_path.read_text()

    @property
    def err(self) -> str:
        return self.err_path.read_text()


def serve() -> None:
    """Answer every order with a line: the pid of a new child, or the exit code of an old one."""
    import torch

    import pinnrun.cli
    import pinnrun.commands.train
    import pinnrun.run.runner

    torch.set_num_threads(1)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        child = os.fork()
        if child == 0:
            become(pinnrun.cli, **order)
        print(child, flush=True)


def become(cli: Any, words: list[str], cwd: str, streams: list[str], fsize: int = 0, env: Any = None):
    """Turn the forked process into the command."""
    os.chdir(cwd)
    os.environ.update(env or {})
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for number, path in zip((1, 2), streams, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if fsize:
        resource.setrlimit(resource.RLIMIT_FSIZE, (fsize, fsize))
    sys.argv = ["pinnrun", *words]
    code = 1
    try:
        code = cli.main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
