"""Train what is not yet in the results, then draw the figure and write docs/pinnacle.md.

python -m benchmarks.pinnacle              five cases, three seeds: some minutes
python -m benchmarks.pinnacle --smoke      every case for a second, into a temporary folder
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.pinnacle.cases import PINNACLE
from benchmarks.records.__main__ import main as run


def main(words: Sequence[str] | None = None) -> int:
    """As ``python -m benchmarks.records`` does, with three seeds unless others are named."""
    words = list(sys.argv[1:] if words is None else words)
    if not any(word.startswith("--seeds") for word in words):
        words += ["--seeds", "1,2,3"]
    return run(words, PINNACLE)


if __name__ == "__main__":
    sys.exit(main())
