"""The small HTTP server beside a component: is it alive, is it ready, and its metrics."""

from collections.abc import Callable, Iterable
from typing import Final, Self

import prometheus_client
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from licet.core.errors import LicetError

_STOP_SECONDS: Final = 2.0


class ServingError(LicetError):
    """The address to serve health and metrics at cannot be had."""


class StatusServer:
    """Serves `/healthz`, `/readyz` and `/metrics` over HTTP inside its `async with` block.

    `/healthz` answers as long as the event loop turns. `/readyz` answers 200 where `ready` gives nothing, and otherwise
    503 with one line for each failing check that it gives, its name first ("vendors: not listed yet").
    """

    def __init__(self, host: str, port: int, *, ready: Callable[[], Iterable[str]]) -> None:
        self._host = host
        self._port = port
        self._ready = ready
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS)

    async def __aenter__(self) -> Self:
        """Start to serve; raises `ServingError`."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise ServingError(
                f"health and metrics cannot be served at {self._host}:{self._port}: {error}; choose another address"
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port it listens on, which the operating system chose where 0 was asked for."""
        port: int = self._runner.addresses[0][1]
        return port

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        failing = list(self._ready())
        return web.Response(status=503 if failing else 200, text="\n".join(failing or ["ok"]) + "\n")

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(prometheus_client.REGISTRY), headers={"Content-Type": content_type})
