"""How long the core takes, beside the one thing in it that can't be faster: the signature's own verification."""

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.measures import Ratio, ratio
from bench.progress import Progress
from bench.workloads import BARE, Workload, workloads

ROUNDS: Final = 31
QUICK_ROUNDS: Final = 9

_MICROSECONDS: Final = 1e6


@dataclass(frozen=True, slots=True)
class Price:
    """What one workload costs: processor time in microseconds, the median, and as a ratio to the bare signature."""

    name: str
    microseconds: float
    to_bare: Ratio

    def to_json(self) -> dict[str, Any]:
        """Gives it for a file."""
        spread = [self.to_bare.least, self.to_bare.greatest]
        return {"name": self.name, "microseconds": self.microseconds, "toBare": self.to_bare.median, "spread": spread}


def measure(rounds: int) -> list[Price]:
    """Takes every workload in each round, in an order of its own, by the processor time of this thread."""
    found = workloads()
    progress = Progress("core", rounds)
    taken: dict[str, list[float]] = {workload.name: [] for workload in found}
    for _ in range(rounds):
        for workload in random.sample(found, len(found)):
            taken[workload.name].append(_microseconds(workload))
        progress.step(f"a round of {len(found)} workloads")
    return [_price(name, taken[name], taken[BARE]) for name in taken]


def _microseconds(workload: Workload) -> float:
    workload.action()
    started = time.thread_time()
    for _ in range(workload.repeats):
        workload.action()
    return (time.thread_time() - started) / workload.repeats * _MICROSECONDS


def _price(name: str, taken: Sequence[float], bare: Sequence[float]) -> Price:
    to_bare = ratio(zip(taken, bare, strict=True))
    if to_bare is None:
        raise AssertionError("a signature takes time")
    return Price(name, statistics.median(taken), to_bare)
