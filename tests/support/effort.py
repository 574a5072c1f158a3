"""How much work something is, compared with other work on the same machine in the same moment."""

import time
from collections.abc import Callable

_ROUNDS = 5


def least_seconds(action: Callable[[], object]) -> float:
    """CPU time of this thread for one call, in seconds: the least of several, so that pauses do not count."""

    def once() -> float:
        started = time.thread_time()
        action()
        return time.thread_time() - started

    return min(once() for _ in range(_ROUNDS))
