"""The law of the step time, where widening stops being free, and α: against numbers put in, and by brute force."""

from math import inf

import numpy as np
import pytest
from scipy.optimize import brentq

from pinnrun.scaleup.parallelism import LARGEST, SMALLEST, PowerLaw, fit

WIDTHS = np.array([4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128])


@pytest.mark.parametrize(("a", "b", "p"), [(1e-3, 1e-6, 2.0), (5e-3, 1e-4, 1.0), (0.0, 1e-5, 1.4), (2e-4, 1e-9, 3.3)])
def test_a_law_is_found_again(a, b, p):
    law = fit(WIDTHS, a + b * WIDTHS**p)
    np.testing.assert_allclose(law.seconds(WIDTHS), a + b * WIDTHS**p, rtol=1e-4)
    assert law.p == pytest.approx(p, abs=0.02) and law.b == pytest.approx(b, rel=0.1)


def test_with_noise_no_other_law_is_closer():
    rng = np.random.default_rng(0)
    times = (1e-3 + 2e-6 * WIDTHS**1.7) * np.exp(0.1 * rng.normal(size=len(WIDTHS)))
    law = fit(WIDTHS, times)
    error = np.sum((law.seconds(WIDTHS) / times - 1) ** 2)
    for a, b, p in zip(
        rng.uniform(0, 2e-3, 4000), 10 ** rng.uniform(-8, -3, 4000), rng.uniform(0.25, 4, 4000), strict=True
    ):
        assert np.sum(((a + b * WIDTHS**p) / times - 1) ** 2) >= error * (1 - 1e-9)
    assert law.a >= 0 and law.b >= 0


def test_a_flat_curve_never_saturates():
    law = fit(WIDTHS, np.full(len(WIDTHS), 2e-3))
    assert law.seconds(WIDTHS) == pytest.approx(2e-3, rel=1e-6)
    flat = PowerLaw(2e-3, 0.0, 1.0)
    assert flat.saturated(4) == flat.knee(2.0) == inf
    assert flat.alpha(4) == LARGEST


@pytest.mark.parametrize("law", [PowerLaw(1e-3, 1e-6, 2.0), PowerLaw(1e-3, 3e-5, 1.2), PowerLaw(1e-4, 1e-8, 3.0)])
def test_knee_and_saturation_are_roots_of_what_they_are_defined_by(law):
    knee = brentq(lambda w: law.seconds(2.0 * w) / law.seconds(w) - 1.5, 1e-3, 1e6)
    assert law.knee(2.0, 1.5) == pytest.approx(knee, rel=1e-9)
    saturated = brentq(lambda w: law.seconds(w) - 1.5 * law.seconds(6.0), 6.0, 1e6)
    assert law.saturated(6.0, 1.5) == pytest.approx(saturated, rel=1e-9)
    assert law.alpha(6.0, 1.5, (1.0, 1e9)) == pytest.approx(saturated / 6.0, rel=5e-3)


def test_a_knee_is_nowhere_or_everywhere_at_the_ends():
    assert PowerLaw(1e-3, 1e-5, 0.5).knee(2.0, 1.5) == inf  # a doubling costs √2 at most
    assert PowerLaw(0.0, 1e-5, 1.0).knee(2.0, 1.5) == 0.0


def test_alpha_stays_within_its_bounds():
    assert PowerLaw(1.0, 1e-9, 1.0).alpha(4) == LARGEST
    assert PowerLaw(0.0, 1.0, 3.0).alpha(4) == SMALLEST  # 1.5^(1/3) is less
    assert PowerLaw(0.0, 1.0, 1.0).alpha(4) == 1.5


@pytest.mark.parametrize(
    ("widths", "seconds"),
    [([4, 8], [1, 1]), ([4, 4, 8], [1, 1, 1]), ([4, 8, 16], [1, 0, 1]), ([4, 8, 16], [1, np.nan, 1])],
)
def test_what_cannot_be_fitted_is_refused(widths, seconds):
    with pytest.raises(ValueError, match="three widths"):
        fit(widths, seconds)
