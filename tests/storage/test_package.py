import ast
import json
from pathlib import Path

import pinnrun.storage
from pinnrun import storage


def test_importing_and_reading_need_no_torch(tmp_path, python, make_window):
    storage.write_window(tmp_path, make_window())
    storage.write_index(tmp_path, run_id="", provenance={}, stages=[], decisions=[])
    script = """
import json, sys
import pinnrun.storage as storage
before = "torch" in sys.modules
run = storage.open_run(sys.argv[1])
loss = run.stages[0].columns["loss"]
print(json.dumps([before, "torch" in sys.modules, len(loss)]))
"""
    assert json.loads(python(script, tmp_path)) == [False, False, 8]


def test_the_package_stands_below_the_other_rooms():
    allowed = ("pinnrun.storage", "pinnrun.errors")
    for path in Path(storage.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            inner = [name for name in names if name.startswith("pinnrun.")]
            assert all(name.startswith(allowed) for name in inner), path.name


def test_the_public_names_exist():
    assert all(hasattr(pinnrun.storage, name) for name in pinnrun.storage.__all__)
