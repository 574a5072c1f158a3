"""How much of what once ran licensed the admission policies are told.

What runs in a namespace, whoever may make Pods there decides, and with it how much there is to remember. It must not
keep a Vendor's parameters from being written, for then they would hold on to what was licensed before.

- Together it is at most `bounds.POLICY_PAST_BYTES`. Namespaces share that equally, and what one does not need is the
  others': so nobody's memory suffers from what somebody else runs.
- What no parameter has room for is left out: names that are too long, and of too many the last ones.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate

from licet.core import bounds
from licet.core.workloads import PastWorkloads


def within_bounds(past: Mapping[str, PastWorkloads]) -> dict[str, PastWorkloads]:
    """Give, by namespace, what of the past can be told; equal pasts give equal answers."""
    sized = sorted((_size(ran), namespace, ran) for namespace, ran in past.items())[: bounds.POLICY_NAMESPACES]
    left, kept = bounds.POLICY_PAST_BYTES, {}
    for index, (_, namespace, ran) in enumerate(sized):
        kept[namespace] = _cut(ran, left // (len(sized) - index))
        left -= _size(kept[namespace])
    return kept


def chart_key(chart: tuple[str, str]) -> str:
    """Write a chart with its version, as the policies name it."""
    return " ".join(chart)


def _size(ran: PastWorkloads) -> int:
    return sum(map(_bytes, ran.images)) + sum(map(_bytes, map(chart_key, ran.charts)))


def _bytes(text: str) -> int:
    return len(text.encode()) + len('"",')


def _cut(ran: PastWorkloads, size: int) -> PastWorkloads:
    charts = _fitting(map(chart_key, ran.charts), size)
    images = _fitting(ran.images, size - sum(map(_bytes, charts)))
    return PastWorkloads(images, frozenset(chart for chart in ran.charts if chart_key(chart) in charts))


def _fitting(names: Iterable[str], size: int) -> frozenset[str]:
    short = sorted(name for name in names if len(name) <= bounds.POLICY_REFERENCE_LENGTH)[: bounds.POLICY_PAST]
    ends = accumulate(map(_bytes, short))
    return frozenset(name for name, end in zip(short, ends, strict=True) if end <= size)
