"""The webhook's HTTP server: reviews in, answers out, and everything else refused without harm.

- One path, one method, one content type, no content encoding, and a cap on the body that holds while it is read.
- Who does not come to the point is cut off: a handshake, a first request, a body each have to be there in time.
- Keep-alive connections stay open for longer than the API server keeps idle ones (90 s), so that it is never the gate
  that closes one just when the next review is on its way.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Final, Self

from aiohttp import hdrs, web

from licet.core import bounds
from licet.core.errors import LicetError
from licet.gate.deliberation import UndecidedError
from licet.gate.review import AdmissionRequest, ReviewError, read_review

PATH: Final = "/validate"
_MEDIA_TYPE: Final = "application/json"
_BACKLOG: Final = 1024
_HANDSHAKE_SECONDS: Final = 5.0
_FIRST_REQUEST_SECONDS: Final = 10.0
_BODY_SECONDS: Final = 3.0
_IDLE_SECONDS: Final = 120.0
_LINGER_SECONDS: Final = 2.0  # to read what is left of a refused body, so that its sender comes to read the answer
_LARGE_BODY: Final = 256 * 1024  # bytes
_LARGE_BODIES: Final = 8  # in memory at once, until they are answered; others wait in their sockets
_TIMEOUT_SECONDS: Final = 5  # the webhook's own timeoutSeconds, where the API server does not tell
_SHARE_OF_TIMEOUT: Final = 0.8
_TIMEOUT: Final = re.compile(r"([1-9]\d?)s")

Answer = Callable[[AdmissionRequest, float], Awaitable[bytes]]

_logger: Final = logging.getLogger(__name__)


class ListenError(LicetError):
    """The address of the webhook cannot be had."""


class WebhookServer:
    """Serves the webhook: made by `bind`, then `serve`, and in the end `drain` and `close`."""

    _listener: asyncio.Server

    def __init__(self) -> None:
        self._answer: Answer = _not_yet
        self._server = web.Server(
            self._handle,
            access_log=None,
            logger=_logger,
            auto_decompress=False,
            keepalive_timeout=_IDLE_SECONDS,
            lingering_time=_LINGER_SECONDS,
        )
        self._silent: set[web.RequestHandler] = set()  # connections without a request so far
        self._large_bodies = asyncio.Semaphore(_LARGE_BODIES)
        self._draining = False

    @classmethod
    async def bind(cls, host: str, port: int, tls: ssl.SSLContext) -> Self:
        """Take hold of an address, but refuse connections still; an empty host stands for all addresses.

        Raises:
            ListenError: it can't be had.
        """
        server = cls()
        try:
            server._listener = await asyncio.get_running_loop().create_server(
                server._connect,
                host or None,
                port,
                ssl=tls,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
                backlog=_BACKLOG,
                start_serving=False,
            )
        except (OSError, OverflowError) as error:
            raise ListenError(f"reviews cannot be served at {host}:{port}: {error}; choose another address") from error
        return server

    @property
    def port(self) -> int:
        """The port that it has, which the operating system chose where 0 was asked for; 0 once it is closed."""
        port: int = self._listener.sockets[0].getsockname()[1] if self._listener.sockets else 0
        return port

    @property
    def serving(self) -> bool:
        """Whether connections are taken."""
        return self._listener.is_serving()

    async def serve(self, answer: Answer) -> None:
        """Take connections at the address that was bound.

        `answer` gets a request, and the instant in the event loop's time until which its response is of use.
        """
        self._answer = answer
        await self._listener.start_serving()

    def drain(self) -> None:
        """Go on serving, but have clients connect anew, which leads them elsewhere once this replica is unready."""
        self._draining = True

    async def close(self, grace_seconds: float) -> None:
        """Take no more connections, and end each once its request is answered, or after so many seconds."""
        self._listener.close()
        self._server.pre_shutdown()
        await self._server.shutdown(grace_seconds)

    def _connect(self) -> web.RequestHandler:
        connection = self._server()
        self._silent.add(connection)
        asyncio.get_running_loop().call_later(_FIRST_REQUEST_SECONDS, self._drop_if_silent, connection)
        return connection

    def _drop_if_silent(self, connection: web.RequestHandler) -> None:
        if connection in self._silent:
            self._silent.discard(connection)
            connection.force_close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._silent.discard(request.protocol)
        try:
            response = await self._review(request)
        except _RefusedError as refusal:
            response = web.Response(status=refusal.status, text=str(refusal), headers=refusal.headers)
            response.force_close()
        if self._draining:
            response.force_close()
        return response

    async def _review(self, request: web.BaseRequest) -> web.Response:
        _check_head(request)
        deadline = asyncio.get_running_loop().time() + _budget(request)
        large = request.content_length is None or request.content_length > _LARGE_BODY
        try:
            async with AsyncExitStack() as slot:
                async with asyncio.timeout_at(deadline):
                    if large:
                        await slot.enter_async_context(self._large_bodies)
                    review = read_review(await _read_body(request))
                return web.Response(body=await self._answer(review, deadline), content_type=_MEDIA_TYPE)
        except ReviewError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error
        except (UndecidedError, TimeoutError) as error:
            reason = str(error) or "there was no time for it"
            _logger.warning("a review was left undecided: %s", reason)
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, f"undecided: {reason}") from error


class _RefusedError(LicetError):
    """A request that gets no review; it is not aiohttp's, which would outlive the answer and hold the body for long."""

    def __init__(self, status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


async def _not_yet(_request: AdmissionRequest, _deadline: float) -> bytes:
    raise UndecidedError("the gate has not started yet")


def _check_head(request: web.BaseRequest) -> None:
    if request.path != PATH:
        raise _RefusedError(HTTPStatus.NOT_FOUND, f"reviews are posted to {PATH}")
    if request.method != hdrs.METH_POST:
        raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "reviews are posted", {"Allow": "POST"})
    if request.content_type != _MEDIA_TYPE:
        raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the content type of a review is {_MEDIA_TYPE}")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a review has no content encoding")
    _check_size(request.content_length or 0)


def _check_size(size: int) -> None:
    if size > bounds.REVIEW_BYTES:
        text = f"a review has at most {bounds.REVIEW_BYTES} bytes"
        raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)


async def _read_body(request: web.BaseRequest) -> bytearray:
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                _check_size(len(body))
    except TimeoutError as error:
        text = f"the body of a review has to come within {_BODY_SECONDS} s"
        raise _RefusedError(HTTPStatus.REQUEST_TIMEOUT, text) from error
    except (OSError, web.RequestPayloadError) as error:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "the body ended early") from error
    return body


def _budget(request: web.BaseRequest) -> float:
    """Tell in seconds how long to take: of what the API server says that it waits, all but a margin for the way."""
    told = _TIMEOUT.fullmatch(request.query.get("timeout", ""))
    return _SHARE_OF_TIMEOUT * (int(told[1]) if told else _TIMEOUT_SECONDS)
