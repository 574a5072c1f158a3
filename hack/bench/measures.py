"""What is made of measurements: medians and ratios, which mean something on a machine that others use as well.

A ratio is taken within a round, in which both sides were measured within minutes, and then the median over the rounds:
so what slows the machine down for a while slows down both sides.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

LEAST_SHARE_OF_BASE: Final = 0.02  # a difference below that share of what it is taken from is noise


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of ratios, and the least and the greatest of them."""

    median: float
    least: float
    greatest: float

    def __str__(self) -> str:
        return f"{self.median:.2f}"


def percentile(values: Sequence[float], share: float) -> float:
    """Gives the smallest value that at least this share (0 to 1) of the values does not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("there is no percentile of nothing")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def ratio(pairs: Iterable[tuple[float, float]]) -> Ratio | None:
    """Gives the ratio of the first to the second of each pair; None where nothing can be compared."""
    ratios = [one / other for one, other in pairs if other > 0]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


def added_ratio(
    rounds: Iterable[Mapping[str, float]], *, subject: str, reference: str, base: str = "none"
) -> Ratio | None:
    """Gives how many times what `reference` adds to `base` is added by `subject`, from the values of each round.

    Rounds in which one is missing, or `reference` adds next to nothing, say nothing.
    """
    pairs = []
    for values in rounds:
        if {subject, reference, base} <= values.keys():
            added = values[reference] - values[base]
            if added > LEAST_SHARE_OF_BASE * values[base]:
                pairs.append((values[subject] - values[base], added))
    return ratio(pairs)
