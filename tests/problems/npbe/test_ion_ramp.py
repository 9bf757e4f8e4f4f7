import numpy as np
import pytest
import torch
from scipy.integrate import quad

from pinnrun.problems.npbe.ion_ramp import IonRamp
from pinnrun.problems.npbe.ion_window import IonWindow


@pytest.mark.parametrize("half_width", [0.0, 0.5, 1.2])
def test_ramp_is_the_double_integral_of_the_reference_s_window(half_width):
    closest, start = 6.0, 4.0
    window = IonWindow(start, closest - start, half_width)
    edges = [closest - half_width, closest, closest + half_width]
    for r in (4.2, 5.6, 5.9, 6.0, 6.3, 6.9, 7.5, 12.0):
        marks = [edge for edge in edges if edge < r]
        slope = quad(window, start, r, points=marks or None, epsabs=1e-12)[0]
        ramp = quad(lambda s, r=r: (r - s) * window(s), start, r, points=marks or None, epsabs=1e-12)[0]
        found = [float(part) for part in IonRamp(closest, half_width)(torch.tensor(r, dtype=torch.float64))]
        assert found == pytest.approx([ramp, slope, float(window(r))], abs=1e-9)


def test_ramp_s_derivatives_are_its_derivatives():
    ramp = IonRamp(6.0, 0.5)
    r = torch.linspace(5.0, 9.0, 200, dtype=torch.float64, requires_grad=True)
    h, slope, step = ramp(r)
    (by_autograd,) = torch.autograd.grad(h.sum(), r, create_graph=True)
    (twice,) = torch.autograd.grad(by_autograd.sum(), r)
    assert torch.allclose(by_autograd, slope, atol=1e-12)
    assert torch.allclose(twice, step, atol=1e-11)
    assert np.all(np.diff(h.detach().numpy()) >= 0)
