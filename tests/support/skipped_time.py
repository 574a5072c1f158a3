"""An event loop whose waiting takes no time: as soon as nothing is left to do, it is the time of the next timer.

For tests of what waits and does nothing else; whoever waits for the network too early finds that nothing has come.
"""

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable
from typing import ParamSpec

P = ParamSpec("P")


class SkippingLoop(asyncio.SelectorEventLoop):
    """Its time is seconds since it was made, as far as they were waited for."""

    def __init__(self) -> None:
        self._skipped = 0.0
        super().__init__(_SkippingSelector(self._skip))

    def time(self) -> float:
        return self._skipped

    def _skip(self, seconds: float | None) -> None:
        assert seconds is not None, "nothing is left that could happen"
        self._skipped += seconds


class _SkippingSelector(selectors.DefaultSelector):
    def __init__(self, skip: Callable[[float | None], None]) -> None:
        super().__init__()
        self._skip = skip

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            self._skip(timeout)
        return ready


def in_skipped_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a test in such a loop."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def main() -> None:
            await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=SkippingLoop) as runner:
            runner.run(main())

    return run
