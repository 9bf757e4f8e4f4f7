"""Several processes reach for one lock at once, again and again: contend.py FOLDER PROCESSES ROUNDS.

Before each round the lock is as a killed run left it. Prints, per round, how many got it and whether the lock
is still there at the end; nobody lets go before everybody has tried.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from pinnrun.errors import UserError
from pinnrun.storage.lock import Holder, run_lock, this_process

folder, processes, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
gone = subprocess.Popen(["true"])
gone.wait()


def stale_lock() -> None:
    here = this_process()
    holder = Holder(gone.pid, here.host, "long ago", here.namespace)
    (folder / "run.lock").write_text(json.dumps(holder.__dict__))


def contender(start: int, results: int, stop: int) -> None:
    os.read(start, 1)
    try:
        with run_lock(folder):
            os.write(results, b"+")
            os.read(stop, 1)
    except UserError:
        os.write(results, b"-")
    os._exit(0)


for _ in range(rounds):
    stale_lock()
    (start, go), (outcomes, results), (stop, end) = os.pipe(), os.pipe(), os.pipe()
    children = []
    for _ in range(processes):
        if (child := os.fork()) == 0:
            contender(start, results, stop)
        children.append(child)
    os.write(go, b"g" * processes)
    seen = b""
    while len(seen) < processes:
        seen += os.read(outcomes, processes)
    os.write(end, b"e" * processes)
    for child in children:
        os.waitpid(child, 0)
    for handle in (start, go, outcomes, results, stop, end):
        os.close(handle)
    print(seen.count(b"+"), (folder / "run.lock").exists())
