"""How the core's work grows with the number of licenses: the part of a large cluster that needs no cluster.

All licenses are of one product, and each is of a series of its own: the worst case, as each adds to the same rights.
"""

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from bench.progress import Progress
from bench.releases import PRODUCT
from bench.vendor import CLUSTER, BenchVendor
from licet.core.evaluate import contributions, evaluate
from licet.core.licenses import Candidate, assess
from licet.core.memory import Memory
from licet.core.namespaces import Namespace
from licet.core.token import VerifiedToken, verify_token
from licet.core.vendors import VendorRegistry

_NOW: Final = 1_767_225_600  # 2026-01-01T00:00:00Z
_NAMESPACE: Final = Namespace("prod-eu", {})
_REPEATS: Final = 5
_MILLISECONDS: Final = 1000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Scale:
    """With so many licenses: processor time in milliseconds, and memory in KiB, of which one token takes `token_kib`.

    `verify_ms` is of all tokens, once for each; `assess_ms` of all Licenses together, at each change of one; and
    `evaluate_ms` of the rights of one namespace in the product, of which `choose_ms` finds the licenses that count.
    """

    licenses: int
    verify_ms: float
    assess_ms: float
    evaluate_ms: float
    choose_ms: float
    token_kib: float


def measure(counts: tuple[int, ...]) -> list[Scale]:
    """Measures with each of these numbers of licenses."""
    vendor = BenchVendor()
    registry = VendorRegistry([vendor.vendor])
    texts = [vendor.token(series=f"series-{number}", now=_NOW) for number in range(max(counts))]
    progress = Progress("scale", len(counts))
    found = []
    for count in counts:
        verify = partial(_verify, texts[:count], registry)
        verify_ms, tokens = _timed(verify)
        candidates = [Candidate(f"license-{number}", token, None) for number, token in enumerate(tokens)]
        assess_ms, assessment = _timed(partial(assess, candidates, registry, Memory(), _NOW + 1))
        evaluate_ms, _ = _timed(partial(evaluate, assessment, vendor.name, PRODUCT, _NAMESPACE))
        choose_ms, _ = _timed(partial(contributions, assessment, vendor.name, PRODUCT, (_NAMESPACE,)))
        found.append(Scale(count, verify_ms, assess_ms, evaluate_ms, choose_ms, _kibibytes(verify) / count))
        progress.step(f"{count} licenses")
    return found


def _verify(texts: Sequence[str], registry: VendorRegistry) -> list[VerifiedToken]:
    return [verify_token(text, registry, cluster=CLUSTER) for text in texts]


def _timed(action: Callable[[], _T]) -> tuple[float, _T]:
    """Gives the median processor time of a call in milliseconds, and what it gives."""
    taken = []
    for _ in range(_REPEATS):
        started = time.thread_time()
        result = action()
        taken.append((time.thread_time() - started) * _MILLISECONDS)
    return statistics.median(taken), result


def _kibibytes(action: Callable[[], object]) -> float:
    """Gives how much memory the result of a call takes."""
    gc.collect()
    tracemalloc.start()
    result = action()
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return used / 1024
