"""Lets `python -m pinnrun` stand for `pinnrun`."""

import sys

from pinnrun.cli import main

if __name__ == "__main__":
    sys.exit(main())
