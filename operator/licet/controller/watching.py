"""Watching licet's own kinds, with kopf.

- Handlers of events, unlike those of causes, put neither finalizers nor annotations on users' objects. kopf swallows
  their errors and never calls them again; so all that they do is to pass on what was heard.
- kopf has a thread and an event loop of its own. When it ends, it waits for every task of its loop that began after it,
  and cancels it: it must not find those of the controller.
- kopf ends where a watch is refused in a way that it takes for fatal, such as 404 while CRDs are replaced. Then it is
  started again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, repeat
from threading import Thread
from typing import Any, Final

import aiohttp
import kopf
from aiohttp import hdrs

from licet.cluster.api import JsonObject
from licet.cluster.connection import Connection
from licet.cluster.resource import Resource
from licet.controller.world import OWN_KINDS

_RESTART_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 10.0
_SPELL_SECONDS: Final = 40  # after which the API server ends a watch, and it is begun again where it ended
_SILENCE_SECONDS: Final = 45.0  # after which a watch that has not been ended is taken for cut
_CHUNK: Final = 100  # objects in a page of a list: kopf has each page in memory as a whole, several times its bytes
# After which kopf ends the task that it has for an object. With its own 5 seconds, a list or a change of all
# Entitlements leaves it with a task for each, and with the object, all at once.
_IDLE_SECONDS: Final = 0.2
# What kopf says of itself that is of no use here: that it logs in; each attempt to reach an API server that is away, of
# which the informers tell once; that it handles no signals in a thread; and its failure, which is raised as well.
_LOG_LEVELS: Final = {
    "kopf.activities": logging.WARNING,
    "kopf._core.engines.activities": logging.WARNING,
    "kopf._cogs.clients": logging.CRITICAL,
    "kopf._core.reactor": logging.CRITICAL,
}
_WATCHERS: Final = "watcher for "  # how the names of kopf's tasks that watch begin

_logger: Final = logging.getLogger(__name__)

Hear = Callable[[Resource, str | None, JsonObject], None]


class _Backoffs:
    """Seconds between the attempts of a request that meets no answer, 403 or 5xx: there is no last one."""

    def __iter__(self) -> Iterator[float]:
        return chain((0.1, 0.2, 0.5), repeat(1.0))


class _Nowhere(kopf.DiffBaseStorage):
    """Where kopf keeps what it last handled an object as, to compare: nobody asks, and each event would cost a copy."""

    def build(self, *, body: kopf.Body, extra_fields: Iterable[object] | None = None) -> kopf.BodyEssence:  # noqa: ARG002
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> None:  # noqa: ARG002
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Store nothing."""


class _Handover:
    """Hands what is heard in one thread over to the event loop of another; what comes fast is handed over together."""

    def __init__(self, loop: asyncio.AbstractEventLoop, hear: Hear) -> None:
        self._loop = loop
        self._hear = hear
        self._heard: deque[tuple[Resource, str | None, JsonObject]] = deque()

    def put(self, resource: Resource, event: str | None, obj: JsonObject) -> None:
        """Hand over one event."""
        self._heard.append((resource, event, obj))
        if len(self._heard) == 1:
            self._loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        while self._heard:
            resource, event, obj = self._heard.popleft()
            try:
                self._hear(resource, event, obj)
            except Exception:
                _logger.exception("what was heard of %s was not taken in", resource)


class Watch:
    """Calls `hear` in the event loop that it runs in, with the type of each event and the object.

    The type is `ADDED`, `MODIFIED` or `DELETED`, or None for an object that was listed because a watch began.
    """

    def __init__(self, kubeconfig: str | None, hear: Hear) -> None:
        self._kubeconfig = kubeconfig
        self._hear = hear

    async def run(self, until_served: Callable[[], Awaitable[None]]) -> None:
        """Watch until cancelled; `until_served` is awaited before each start, as kopf looks for kinds only then."""
        for name, level in _LOG_LEVELS.items():
            logging.getLogger(name).setLevel(level)
        while True:
            await until_served()
            try:
                await self._run_kopf()
            except Exception as error:  # noqa: BLE001 - whatever it is, without watching nothing works
                _logger.warning("watching licet's kinds failed, and is begun anew: %s", error)
            await asyncio.sleep(_RESTART_SECONDS)

    async def _run_kopf(self) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        own_loop, stop = asyncio.new_event_loop(), asyncio.Event()

        def complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            if not stop.is_set():  # what kopf leaves behind when it was told to stop, nobody has to know of
                loop.default_exception_handler(context)

        own_loop.set_exception_handler(complain)

        def target() -> None:
            error: BaseException | None = None
            try:
                with asyncio.Runner(loop_factory=lambda: own_loop) as runner:
                    runner.run(self._operate(_Handover(loop, self._hear), stop))
            except BaseException as raised:  # noqa: BLE001 - is raised again in the other thread
                error = raised
            with suppress(RuntimeError):  # the controller's loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_finish, ended, error)

        Thread(target=target, name="kopf", daemon=True).start()
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            with suppress(RuntimeError):  # kopf's loop is closed: it has ended by itself
                own_loop.call_soon_threadsafe(stop.set)
            await asyncio.wait([ended], timeout=_STOP_SECONDS)
            raise

    async def _operate(self, handover: _Handover, stop: asyncio.Event) -> None:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def log_in(**_: object) -> kopf.AiohttpSession:
            return await self._log_in()

        @kopf.on.cleanup(registry=registry)
        async def end_watchers(**_: object) -> None:
            # After the failure of one, kopf leaves the others to be cancelled together with what they wait for, which
            # they take for a pause: then neither they nor kopf end. When it was told to stop, there are none any more.
            for task in asyncio.all_tasks():
                if task.get_name().startswith(_WATCHERS):
                    task.cancel()

        def hear(resource: Resource) -> Callable[..., Awaitable[None]]:
            async def take(*, event: kopf.RawEvent, **_: object) -> None:
                handover.put(resource, event["type"], dict(event["object"]))

            return take

        for resource in OWN_KINDS:
            watch = kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)
            watch(hear(resource))

        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.watching.server_timeout = _SPELL_SECONDS
        settings.watching.inactivity_timeout = _SILENCE_SECONDS
        settings.watching.chunk_size = _CHUNK
        settings.queueing.idle_timeout = _IDLE_SECONDS
        settings.persistence.diffbase_storage = _Nowhere()
        settings.scanning.disabled = True  # of CRDs and namespaces, for which it would need more rights
        settings.networking.error_backoffs = _Backoffs()
        settings.process.ultimate_exiting_timeout = None  # it would kill the whole process
        await kopf.operator(registry=registry, settings=settings, standalone=True, clusterwide=True, stop_flag=stop)

    async def _log_in(self) -> kopf.AiohttpSession:
        """Log in as the rest of the process does."""
        connection = await Connection.open(self._kubeconfig)
        header = await connection.authorization()
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=connection.endpoint.tls, limit=0),
            headers={hdrs.AUTHORIZATION: header} if header else {},
            proxy=connection.endpoint.proxy,
        )
        return kopf.AiohttpSession(server=connection.endpoint.server, aiohttp_session=session)


def _finish(ended: asyncio.Future[None], error: BaseException | None) -> None:
    if ended.done():
        return
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error)
