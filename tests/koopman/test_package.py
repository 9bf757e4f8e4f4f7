import subprocess
import sys

import pinnrun.koopman


def test_koopman_needs_numpy_alone():
    code = "import sys, pinnrun.koopman; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in loaded
    assert not {"torch", "scipy", "h5py", "hydra", "rich"} & set(loaded)


def test_public_names_exist_and_are_documented():
    for name in pinnrun.koopman.__all__:
        thing = getattr(pinnrun.koopman, name)
        assert thing.__doc__, name
