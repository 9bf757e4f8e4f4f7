"""Known solutions solve the peers' equations; needs the environment that `python -m benchmarks.peers` makes."""

import json
import subprocess

import pytest

from benchmarks.peers.cases import CASES
from benchmarks.peers.environment import default_folder, python_of, ready
from benchmarks.peers.run import PROGRAMS

CHECK = """
import importlib, json, sys, warnings
import torch
warnings.simplefilter("ignore")
name, programs = sys.argv[1:]
sys.path.insert(0, programs)
program = importlib.import_module(name)
torch.set_default_dtype(torch.float64)
pi, mu = torch.pi, (36 - 0.36) ** 0.5

def oscillator(t):
    decay, c, s = torch.exp(-0.6 * t), torch.cos(mu * t), torch.sin(mu * t)
    return torch.cat([decay * (c + 0.6 / mu * s), -36 / mu * decay * s], 1)

SOLUTIONS = {
    "poisson1d": (1, lambda x: torch.sin(pi * x)),
    "poisson2d": (2, lambda x: torch.sin(pi * x).prod(1, keepdim=True)),
    "helmholtz2d": (2, lambda x: torch.sin(pi * x[:, :1]) * torch.sin(4 * pi * x[:, 1:])),
    "heat1d": (2, lambda x: torch.exp(-(pi**2) * x[:, 1:] / 4) * torch.sin(pi * x[:, :1])),
    "oscillator": (1, oscillator),
    "burgers": (2, lambda x: x[:, :1] * x[:, 1:]),  # solves nothing: leaves x + x t^2
}
found = {}
for case, (dimension, u) in SOLUTIONS.items():
    x = torch.rand(20, dimension)
    if name == "with_neurodiffeq":
        columns = [column.clone().requires_grad_() for column in x.split(1, 1)]
        x = torch.cat(columns, 1)
        left = program.EQUATIONS[case](*u(x).split(1, 1), *columns)
    elif name == "with_pina":
        x = program.LabelTensor(x, list(program.BOXES[case])).requires_grad_()
        value = program.LabelTensor(u(x.as_subclass(torch.Tensor)), program.OUTPUTS.get(case, ["u"]))
        left = program.EQUATIONS[case](x, value)
        left, x = left.as_subclass(torch.Tensor), x.as_subclass(torch.Tensor)
    else:
        x.requires_grad_()
        left = program.EQUATIONS[case](x, u(x))
        program.dde.grad.clear()
    left = torch.cat(left, 1) if isinstance(left, list) else left
    if case == "burgers":
        left = left - x[:, :1] * (1 + x[:, 1:] ** 2)
    found[case] = float(left.detach().abs().max())
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.skipif(not ready(default_folder()), reason="the peers' environment is not there")
@pytest.mark.parametrize("program", ["with_deepxde", "with_pina", "with_neurodiffeq"])
def test_known_solutions_solve_the_peer_s_equations(program, tmp_path):
    (tmp_path / "check.py").write_text(CHECK)
    words = [str(python_of(default_folder())), str(tmp_path / "check.py"), program, str(PROGRAMS)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert set(found) == set(CASES)
    assert max(found.values()) < 1e-12
