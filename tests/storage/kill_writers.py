"""Kill runs while they write: kill_writers.py FOLDER KILLS SEED.

Each child owns a run folder FOLDER/<i> and writes windows, index, checkpoints and status as fast as it
can, until SIGKILL hits it at a random moment. What it had acknowledged by then is in FOLDER/<i>.acknowledged.
One process imports torch and forks all children, since the import takes far longer than a child lives.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

from pinnrun import storage

folder, kills, draw = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
torch.set_num_threads(1)


def window(number: int) -> storage.Window:
    column = np.full(6, float(number))
    steps = np.arange(6) + 6 * number + 1
    columns = dict.fromkeys(("loss", "merit", "gradient_norm", "damping", "seconds"), column)
    columns |= {"step": steps, "accepted": np.ones(6), "evaluations": np.ones(6)}
    weights = np.full((6, 500), float(number))
    return storage.Window(0, number, int(steps[0]), columns, weights, steps, (("weight", (500,)),), {"width": 3})


def write_for_ever(run: Path, acknowledge: int) -> None:
    run.mkdir()
    with storage.run_lock(run):
        number = 0
        while True:
            storage.write_window(run, window(number))
            os.write(acknowledge, f"window {number}\n".encode())
            if number % 3 == 0:
                decisions = [{"window": earlier} for earlier in range(number + 1)]
                storage.write_index(run, run_id="8c1f", provenance={"seed": 1}, stages=[{}], decisions=decisions)
                os.write(acknowledge, f"index {number}\n".encode())
            storage.save_checkpoint(run, {"window": number, "theta": torch.full((2000,), float(number))})
            os.write(acknowledge, f"checkpoint {number}\n".encode())
            storage.write_status(run, "running", step=6 * number)
            number += 1


for i in range(kills):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        write_for_ever(folder / str(i), write)
    os.close(write)
    time.sleep(draw.uniform(0.005, 0.15))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(read) as acknowledged:
        Path(folder / f"{i}.acknowledged").write_text(acknowledged.read())
