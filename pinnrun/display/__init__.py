"""What a person sees of a run: live panel, plain lines, closing reports, figures."""

from pinnrun.display.analysis import print_koopman
from pinnrun.display.choice import QuietDisplay, make_display
from pinnrun.display.progress import Display, Pace, Progress
from pinnrun.display.summary import print_summary, print_sweep_table

__all__ = [
    "Display",
    "Pace",
    "Progress",
    "QuietDisplay",
    "make_display",
    "print_koopman",
    "print_summary",
    "print_sweep_table",
]
