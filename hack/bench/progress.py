"""Tells whoever waits how far the run is, and how long it takes still."""

import sys
import time
from typing import Final

_MINUTE: Final = 60


class Progress:
    """Counts the steps of a run; the time left is estimated from those that are done."""

    def __init__(self, name: str, steps: int) -> None:
        self._name = name
        self._steps = steps
        self._done = 0
        self._started = time.monotonic()

    def step(self, text: str) -> None:
        """Says that a step is done."""
        self._done += 1
        left = (time.monotonic() - self._started) / self._done * (self._steps - self._done)
        say(f"{self._name} [{self._done}/{self._steps}, {duration(left)} left] {text}")


def say(text: str) -> None:
    """Prints a line for whoever waits; results go to standard output, this does not."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Writes seconds for people, such as `42 s` or `3 min`."""
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"
