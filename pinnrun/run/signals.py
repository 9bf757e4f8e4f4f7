"""Signals that ask a run to stop: the first one lets the step finish and the state be saved, the second leaves at once.

SIGINT, SIGTERM and SIGUSR1 stop the run. Under a cluster's launcher that installed a handler of its own for SIGUSR2
(submitit requeues a job in it), that handler is called after the state is saved, and SIGTERM means save and go on,
because there it announces a preemption that SIGUSR2 carries out.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGUSR1", signal.SIGTERM))
REQUEUE = getattr(signal, "SIGUSR2", None)
Handler = Callable[[int, FrameType | None], Any]


class Interrupted(Exception):
    """A signal asked the run to stop; the state is saved."""


class StopRequest:
    """The stop that was asked for, if any; looked at after every step.

    Attributes:
        received: the signal that ends the run, or None.
        requeue: a launcher's handler to call once the state is saved, or None.
        save: whether the state is to be saved without stopping.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.requeue: Callable[[], None] | None = None
        self.save = False

    def __bool__(self) -> bool:
        return self.received is not None or self.save or self.requeue is not None

    @property
    def exit_code(self) -> int:
        """128 + the signal's number."""
        return 128 + (self.received or 0)

    def obey(self) -> None:
        """All is saved: hand over to the launcher, or go on.

        Raises:
            Interrupted: the run is to stop.
        """
        self.save = False
        if self.requeue is not None:
            requeue, self.requeue = self.requeue, None
            requeue()
        if self.received is not None:
            raise Interrupted


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Within the block, stopping signals are noted instead of killing the process; elsewhere than in the main
    thread nothing is installed.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    launched = REQUEUE is not None and callable(signal.getsignal(REQUEUE))
    previous: dict[int, Any] = {}

    def stop(number: int, _: FrameType | None) -> None:
        if request.received is not None:
            os._exit(128 + number)
        if launched and number == signal.SIGTERM:
            request.save = True
        else:
            request.received = signal.Signals(number)

    def requeue(number: int, frame: FrameType | None) -> None:
        handler = previous[number]
        request.requeue = lambda: handler(number, frame)

    for number in dict.fromkeys(STOPPING):
        previous[number] = signal.signal(number, stop)
    if launched and REQUEUE is not None:
        previous[REQUEUE] = signal.signal(REQUEUE, requeue)
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
