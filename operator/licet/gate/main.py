"""The gate as a process: it watches, serves once it may, drains when told to stop, and ends.

Before everything was listed once and a serving certificate is there, the webhook's port is not served. After SIGTERM
the gate reports that it is not ready, goes on serving while that gets around, and then answers what has arrived.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import prometheus_client

from licet import __version__
from licet.cluster.api import KubeApi
from licet.cluster.events import EventRecorder
from licet.cluster.logs import LogFormat, configure_logging
from licet.cluster.serving import StatusServer
from licet.cluster.state import CERTIFICATE_NAME, cluster_uid
from licet.gate.cache import Cache
from licet.gate.certificate import CertificateError, KeyPair, ServingCertificate
from licet.gate.feed import Feed
from licet.gate.judge import Judge
from licet.gate.live import LiveReader
from licet.gate.records import DecisionLog
from licet.gate.requests import RequestJudge
from licet.gate.server import WebhookServer
from licet.gate.sources import SourceReader
from licet.gate.webhook import Webhook

COMPONENT: Final = "licet-gate"

_CLOSE_SECONDS: Final = 5.0  # what a review may take
_EVENTS_SECONDS: Final = 2.0

_CERTIFICATE_NOT_AFTER: Final = prometheus_client.Gauge(
    "licet_gate_certificate_not_after_timestamp_seconds", "When the gate's serving certificate expires."
)
_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """How the gate is run; an empty host stands for all addresses."""

    namespace: str
    """The operator's own."""
    kubeconfig: str | None = None
    host: str = ""
    port: int = 8443
    status_host: str = ""
    status_port: int = 8080
    drain_seconds: float = 5.0
    """How long to go on serving after being told to stop."""
    log_format: LogFormat = LogFormat.AUTO
    log_level: int = logging.INFO


def run(options: GateOptions) -> None:
    """Run the gate until SIGTERM or SIGINT.

    Raises:
        LicetError: there is no cluster to connect to, or an address is taken.
    """
    configure_logging(options.log_format, options.log_level)
    asyncio.run(_run(options))


async def _run(options: GateOptions) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with KubeApi.connect(options.kubeconfig, user_agent=f"{COMPONENT}/{__version__}") as api:
        _logger.info("licet gate %s, API server %s", __version__, api.server)
        gate = Gate(api, options)
        async with StatusServer(options.status_host, options.status_port, ready=gate.problems):
            await gate.run(stopping)


class Gate:
    """Everything that runs in the gate's process."""

    def __init__(self, api: KubeApi, options: GateOptions) -> None:
        self._api = api
        self._options = options
        self._events = EventRecorder(api, COMPONENT)
        self._certificate = ServingCertificate()
        self._certified = asyncio.Event()
        self._server: WebhookServer | None = None
        self._feed: Feed | None = None
        self._stopping = False

    @property
    def port(self) -> int:
        """The port for reviews; 0 before it is bound."""
        return self._server.port if self._server else 0

    def problems(self) -> Iterator[str]:
        """Name what keeps the gate from being ready."""
        if self._stopping:
            yield "gate: stopping"
        if self._feed is None:
            yield "cluster: its identity was not read yet"
        else:
            yield from self._feed.problems(time.monotonic())
        if not self._certified.is_set():
            yield f"certificate: none that can be used was found in Secret {CERTIFICATE_NAME} yet"
        if self._server is None or not self._server.serving:
            yield "webhook: not served"

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until `stopping` is set and everything that has arrived by the end of the drain is answered.

        Raises:
            ListenError: the webhook's address can't be had.
        """
        options = self._options
        server = self._server = await WebhookServer.bind(options.host, options.port, self._certificate.context)
        try:
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(self._work(server))
                await stopping.wait()
                self._stopping = True
                if server.serving:
                    await self._drain(server)
                work.cancel()
        finally:
            await server.close(0)

    async def _work(self, server: WebhookServer) -> None:
        cache = Cache(await cluster_uid(self._api))
        namespace = self._options.namespace
        live = LiveReader(self._api, cache, namespace=namespace)
        requests = RequestJudge(cache, live.facts, SourceReader(self._api).chart, namespace=namespace)
        webhook = Webhook(Judge(cache, live.facts), requests, DecisionLog(self._events))
        self._feed = Feed(self._api, cache, namespace=namespace, on_certificate=self._take_certificate)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._feed.run())
            tasks.create_task(self._events.run())
            await self._feed.synced()
            cache.assessment(int(time.time()))  # so that the first review does not wait for all signatures
            await self._certified.wait()
            await server.serve(webhook.answer)
            _logger.info("reviews are served at port %d", server.port)

    def _take_certificate(self, pair: KeyPair) -> None:
        try:
            not_after = self._certificate.use(pair)
        except CertificateError as error:
            _logger.error("Secret %s/%s: %s", self._options.namespace, CERTIFICATE_NAME, error)  # noqa: TRY400 - said
            return
        _CERTIFICATE_NOT_AFTER.set(not_after.timestamp())
        _logger.info("serving with a certificate that expires at %s", not_after.isoformat())
        self._certified.set()

    async def _drain(self, server: WebhookServer) -> None:
        _logger.info("stopping: reviews are served for another %.0f s", self._options.drain_seconds)
        server.drain()
        await asyncio.sleep(self._options.drain_seconds)
        await server.close(_CLOSE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(_EVENTS_SECONDS):
                await self._events.flush()
