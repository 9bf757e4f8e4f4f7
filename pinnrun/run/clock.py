"""The clock of a run: processor time and time by the wall, earlier parts included."""

from __future__ import annotations

import time


class Clock:
    """Runs from when it is made, on top of what earlier parts of the run took.

    Args:
        cpu, wall: seconds of the earlier parts.
    """

    def __init__(self, cpu: float = 0.0, wall: float = 0.0) -> None:
        self._cpu = cpu - time.process_time()
        self._wall = wall - time.time()

    @property
    def cpu(self) -> float:
        """Processor seconds."""
        return self._cpu + time.process_time()

    @property
    def wall(self) -> float:
        """Seconds by the clock on the wall."""
        return self._wall + time.time()
