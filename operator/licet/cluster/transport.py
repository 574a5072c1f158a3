"""HTTP to the API server: one aiohttp session, with credentials, second tries, a count of requests, and its clock.

- Reads whose connection fails are tried again, and so is whatever the API server puts off with 429 and a Retry-After,
  since it has then done nothing. Every other failure is the caller's to handle: a write that got no answer may have
  been carried out, and only a reconcile that looks again knows what to do. (aiohttp itself repeats an idempotent
  request, RFC 9110 section 9.2.2, whose connection closes before an answer begins: a PUT may meet its own conflict.)
- A 401, or a certificate that no longer matches, makes the client read its credentials again once, then try again.
"""

import asyncio
import random
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlencode

import aiohttp
import prometheus_client
from aiohttp import hdrs
from yarl import URL

from licet.cluster.connection import ClusterConfigError, Connection
from licet.cluster.errors import ApiError, error_from_answer

_CONNECTIONS: Final = 48  # 32 for requests in flight, the rest for watches, each of which holds one
_IDLE_SECONDS: Final = 60  # below the 90 s after which the API server itself closes an idle connection
_CONNECT_SECONDS: Final = 5
_REQUEST_LIMITS: Final = aiohttp.ClientTimeout(total=30, sock_connect=_CONNECT_SECONDS)
_ATTEMPTS: Final = 4
_RETRY_AFTER_SECONDS_MAX: Final = 10.0
_NO_ANSWER: Final = (aiohttp.ClientError, TimeoutError, OSError)

_REQUESTS: Final = prometheus_client.Counter(
    "rest_client_requests",  # the name under which client-go counts, so that existing dashboards and alerts apply
    "Requests to the Kubernetes API, by method and status code (<error>: no answer).",
    ["method", "code"],
)


class Transport:
    """Requests and streams as bytes. Both raise `ApiError`, and `ClusterConfigError` for unreadable credentials."""

    def __init__(self, session: aiohttp.ClientSession, connection: Connection) -> None:
        self._session = session
        self._connection = connection
        self._last_date: tuple[str, float] | None = None
        self._counters: dict[tuple[str, int], prometheus_client.Counter] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, connection: Connection, *, user_agent: str) -> AsyncIterator["Transport"]:
        """Open the session; no request is made yet."""
        connector = aiohttp.TCPConnector(
            limit=_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS, socket_factory=_socket_with_keepalive
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # The API server compresses long lists when asked to, which costs both sides more than a cluster's network.
            headers={hdrs.USER_AGENT: user_agent, hdrs.ACCEPT_ENCODING: "identity"},
            trust_env=False,
        ) as session:
            yield cls(session, connection)

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self._connection.endpoint.server

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the API server's clock was ahead of this machine's at its last answer; None before one.

        Exact to about a second, the resolution of the Date header (RFC 9110, section 6.6.1).
        """
        if self._last_date is None:
            return None
        date, received_at = self._last_date
        try:
            return parsedate_to_datetime(date).timestamp() - received_at
        except ValueError:
            return None

    async def request(
        self,
        method: str,
        path: str,
        *,
        accept: str,
        params: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "application/json",
    ) -> bytes:
        """The body of a successful answer."""
        headers: dict[str, str] = {hdrs.ACCEPT: accept}
        if body:
            headers[hdrs.CONTENT_TYPE] = content_type
        target = _target(path, params)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with await self._send(method, target, headers, body, _REQUEST_LIMITS) as response:
                    answer = await response.read()
                    if response.status < 300:
                        return answer
                    error = _refused(f"{method} {path}", response, answer)
                    again = error.status == 429 and error.retry_after is not None
                    pause = min(error.retry_after or 0.0, _RETRY_AFTER_SECONDS_MAX)
            except _NO_ANSWER as failure:
                error = _unanswered(f"{method} {path}", failure)
                error.__cause__ = failure
                distrusted = isinstance(failure, aiohttp.ClientConnectorCertificateError)
                again = method == hdrs.METH_GET and isinstance(failure, aiohttp.ClientError) and not distrusted
                pause = 0.1 * 2**attempt
            if not again or attempt == _ATTEMPTS:
                break
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
        raise error

    @asynccontextmanager
    async def stream(
        self, path: str, *, accept: str, params: Mapping[str, str], silence_seconds: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of an answer that goes on for as long as the server likes, but is never silent for longer."""
        request = f"WATCH {path}"
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=silence_seconds)
        try:
            response = await self._send(hdrs.METH_GET, _target(path, params), {hdrs.ACCEPT: accept}, b"", limits)
            if response.status != 200:
                async with response:
                    raise _refused(request, response, await response.read())
        except _NO_ANSWER as failure:
            raise _unanswered(request, failure) from failure
        async with response:
            yield _lines(request, response.content)

    async def _send(
        self, method: str, target: str, headers: dict[str, str], body: bytes, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """Send a request, up to the head of its answer; credentials that are refused are read again, once."""
        begun_at = time.monotonic()
        try:
            response = await self._send_once(method, target, headers, body, limits)
        except aiohttp.ClientConnectorCertificateError:
            if not await self._connection.reread(tried_at=begun_at):
                raise
        else:
            if response.status != 401 or not await self._connection.reread(tried_at=begun_at):
                return response
            response.close()
        return await self._send_once(method, target, headers, body, limits)

    async def _send_once(
        self, method: str, target: str, headers: dict[str, str], body: bytes, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        if authorization := await self._connection.authorization():
            headers[hdrs.AUTHORIZATION] = authorization
        endpoint = self._connection.endpoint
        try:
            response = await self._session.request(
                method,
                URL(endpoint.server + target, encoded=True),
                data=body or None,
                headers=headers,
                ssl=endpoint.tls,
                server_hostname=endpoint.tls_server_name,
                proxy=endpoint.proxy,
                timeout=limits,
                allow_redirects=False,
            )
        except _NO_ANSWER:
            self._count(method, 0)
            raise
        except ValueError as error:  # of a URL that is none, a host that can't be looked up, a token with a line break
            raise ClusterConfigError(f"the API server can't be asked at {endpoint.server}: {error}") from error
        self._count(method, response.status)
        if date := response.headers.get(hdrs.DATE):
            self._last_date = date, time.time()
        return response

    def _count(self, method: str, status: int) -> None:
        counter = self._counters.get((method, status))
        if counter is None:
            counter = self._counters[method, status] = _REQUESTS.labels(method, str(status) if status else "<error>")
        counter.inc()


def _target(path: str, params: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(params)}" if params else path


def _refused(request: str, response: aiohttp.ClientResponse, body: bytes) -> ApiError:
    return error_from_answer(request, response.status, response.reason, body, response.headers.get(hdrs.RETRY_AFTER))


def _unanswered(request: str, failure: Exception) -> ApiError:
    match failure:
        case aiohttp.ConnectionTimeoutError():
            reason, message = "Timeout", f"no connection within {_CONNECT_SECONDS} s"
        case TimeoutError():
            reason, message = "Timeout", "the server fell silent"
        case _:
            reason, message = "Unreachable", str(failure) or type(failure).__name__
    return ApiError(request, status=0, reason=reason, message=message)


async def _lines(request: str, content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a stream, however long: aiohttp's own `readline` gives up at 64 KiB, a Secret may have 1.5 MiB."""
    begun: list[bytes] = []  # the parts so far of a line that has not ended
    while True:
        try:
            chunk = await content.readany()
        except _NO_ANSWER as failure:
            raise _unanswered(request, failure) from failure
        if not chunk:
            return
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            begun.append(part)
            yield b"".join(begun)
            begun.clear()
        if rest:
            begun.append(rest)


def _socket_with_keepalive(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket that asks a silent peer for a sign of life, so that a connection cut without a word ends in 25 s."""
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    return sock
