import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest

from controlplane.certs import Authority
from licet.core import bounds
from licet.gate import server as server_module
from licet.gate.certificate import KeyPair, ServingCertificate
from licet.gate.deliberation import UndecidedError
from licet.gate.review import AdmissionRequest, encode_response
from licet.gate.server import ListenError, WebhookServer
from support.admission import encoded, release_secret, review
from support.helm_releases import release_document

AUTHORITY = Authority.create("tests")
BODY = encoded(review(release_secret(release_document())))
JSON = {"Content-Type": "application/json"}


def key_pair() -> KeyPair:
    made = AUTHORITY.serving("gate", names=["gate.test"], addresses=["127.0.0.1"])
    return KeyPair(made.certificate, made.private_key)


def head(length: int) -> bytes:
    headers = f"Host: gate.test\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
    return f"POST /validate HTTP/1.1\r\n{headers}\r\n".encode()


@dataclass
class Served:
    """A webhook server that is served, and a client of it."""

    server: WebhookServer
    certificate: ServingCertificate
    client: aiohttp.ClientSession
    tls: ssl.SSLContext
    answer: Callable[[AdmissionRequest, float], Awaitable[bytes]]
    asked: list[AdmissionRequest] = field(default_factory=list)
    budgets: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server.port}/validate"

    async def take(self, request: AdmissionRequest, deadline: float) -> bytes:
        self.asked.append(request)
        self.budgets.append(deadline - asyncio.get_running_loop().time())
        return await self.answer(request, deadline)

    async def post(self, body: object = BODY, *, path: str = "", **options) -> tuple[int, str]:
        options.setdefault("headers", JSON)
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        async with self.client.post(self.url + path, data=data, **options) as response:
            return response.status, await response.text()

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.server.port, ssl=self.tls)


async def allow(request: AdmissionRequest, _deadline: float) -> bytes:
    return encode_response(request.uid)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    certificate = ServingCertificate()
    certificate.use(key_pair())
    server = await WebhookServer.bind("127.0.0.1", 0, certificate.context)
    tls = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
    connector = aiohttp.TCPConnector(ssl=tls, limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        made = Served(server, certificate, client, tls, allow)
        await server.serve(made.take)
        yield made
    await server.close(1)


async def test_review_is_answered(served):
    status, text = await served.post()
    assert (status, json.loads(text)["response"]["allowed"]) == (200, True)
    assert served.asked[0].namespace == "prod-eu"


async def test_connection_is_kept_for_the_next_review(served):
    for _ in range(3):
        async with served.client.post(served.url, data=BODY, headers=JSON) as response:
            assert response.headers.get("Connection") != "close"
    assert len(served.server._server.connections) == 1


async def test_port_is_refused_until_it_is_served():
    certificate = ServingCertificate()
    server = await WebhookServer.bind("127.0.0.1", 0, certificate.context)
    assert (server.port > 0, server.serving) == (True, False)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)
    await server.serve(allow)
    assert server.serving
    await server.close(1)


async def test_address_that_is_taken_is_named(served):
    with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{served.server.port}.*choose another address"):
        await WebhookServer.bind("127.0.0.1", served.server.port, served.certificate.context)


async def test_wrong_path_is_not_found(served):
    for path in ("/", "/x", "?/validate"):
        async with served.client.post(f"https://127.0.0.1:{served.server.port}{path}", data=BODY) as response:
            assert response.status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_wrong_method_is_not_allowed(served, method):
    async with served.client.request(method, served.url) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/yaml"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        JSON | {"Content-Encoding": "gzip"},
        JSON | {"Content-Encoding": "br"},
        JSON | {"Content-Encoding": "x"},
    ],
)
async def test_other_content_is_unsupported(served, headers):
    assert (await served.post(headers=headers))[0] == 415
    assert not served.asked


async def test_content_type_may_have_a_charset(served):
    assert (await served.post(headers={"Content-Type": "application/json; charset=utf-8"}))[0] == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", BODY[:-1], b"\0" * 100, BODY.replace(b"admission.k8s.io/v1", b"admission.k8s.io/v9")],
)
async def test_anything_but_a_review_is_a_bad_request(served, body):
    status, text = await served.post(body)
    assert (status, text[:4]) == (400, "not ")


@pytest.mark.parametrize("chunked", [False, True])
async def test_body_over_the_cap_is_too_large(served, chunked):
    async def chunks():
        for _ in range(8):
            yield b" " * 1024 * 1024

    body = chunks() if chunked else b" " * (8 * 1024 * 1024)
    assert (await served.post(body))[0] == 413
    assert (await served.post())[0] == 200


async def test_body_of_the_cap_is_read(served):
    assert (await served.post(BODY.ljust(bounds.REVIEW_BYTES)))[0] == 200
    assert (await served.post(BODY.ljust(bounds.REVIEW_BYTES + 1)))[0] == 413


async def test_undecided_review_is_left_to_the_failure_policy(served):
    async def hesitate(_request, _deadline):
        raise UndecidedError("can't tell")

    served.answer = hesitate
    assert await served.post() == (503, "undecided: can't tell")


async def test_review_that_takes_too_long_is_left_to_the_failure_policy(served):
    async def sleep(_request, deadline):
        async with asyncio.timeout_at(deadline - 0.7):
            await asyncio.sleep(60)

    served.answer = sleep
    assert (await served.post(path="?timeout=1s"))[0] == 503


@pytest.mark.parametrize(
    ("told", "budget"),
    [("", 4.0), ("10s", 8.0), ("1s", 0.8), ("0s", 4.0), ("999s", 4.0), ("x", 4.0)],
)
async def test_time_to_decide_is_a_share_of_what_the_api_server_waits(served, told, budget):
    await served.post(path=f"?timeout={told}")
    assert budget / 10 < served.budgets[0] <= budget  # less what it took to read the request


async def test_error_of_the_gates_own_is_an_error_and_harms_no_other_review(served):
    async def fail(_request, _deadline):
        raise ZeroDivisionError

    served.answer = fail
    assert (await served.post())[0] == 500
    served.answer = allow
    assert (await served.post())[0] == 200


async def test_silent_connection_is_dropped(served, monkeypatch):
    with monkeypatch.context() as impatient:
        impatient.setattr(server_module, "_FIRST_REQUEST_SECONDS", 0.5)
        reader, writer = await served.raw()
        writer.write(b"POST /validate HTTP/1.1\r\nHost: x\r\n")  # and no more
        assert await reader.read() == b""
        writer.close()
    assert (await served.post())[0] == 200


async def test_handshake_that_never_comes_is_dropped(served, monkeypatch):
    monkeypatch.setattr(server_module, "_HANDSHAKE_SECONDS", 0.05)
    server = await WebhookServer.bind("127.0.0.1", 0, served.certificate.context)
    await server.serve(allow)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()
    await server.close(1)


async def test_slow_body_is_given_up(served, monkeypatch):
    monkeypatch.setattr(server_module, "_BODY_SECONDS", 0.05)
    reader, writer = await served.raw()
    writer.write(head(100) + b"{")
    assert b" 408 " in await reader.readline()
    writer.close()


async def test_body_that_breaks_off_harms_nobody(served, caplog):
    _, writer = await served.raw()
    writer.write(head(100) + b"{")
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.transport.abort()
    await asyncio.sleep(0.02)
    assert (await served.post())[0] == 200
    assert not caplog.records


async def test_what_is_not_http_is_refused(served):
    reader, writer = await served.raw()
    writer.write(b"\x00\x01\x02 nonsense\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()


async def test_many_connections_at_once_are_all_answered(served):
    answered = await asyncio.gather(*(served.post() for _ in range(200)))
    assert {status for status, _ in answered} == {200}


async def test_few_large_bodies_are_in_memory_at_once(served):
    starts = [await served.raw() for _ in range(server_module._LARGE_BODIES)]
    for _, writer in starts:
        writer.write(head(bounds.REVIEW_BYTES))
    await asyncio.sleep(0.05)
    large = asyncio.create_task(served.post(BODY.ljust(bounds.REVIEW_BYTES)))
    assert (await served.post())[0] == 200  # small ones go on
    assert not large.done()
    for _, writer in starts:
        writer.transport.abort()
    assert (await large)[0] == 200


async def test_certificate_changes_under_load_without_a_connection_refused(served):
    async def reviews() -> int:
        connector = aiohttp.TCPConnector(ssl=served.tls, force_close=True)
        async with aiohttp.ClientSession(connector=connector) as client:
            for _ in range(10):
                async with client.post(served.url, data=BODY, headers=JSON) as response:
                    assert response.status == 200
        return 10

    tasks = [asyncio.create_task(reviews()) for _ in range(5)]
    while not all(task.done() for task in tasks):
        served.certificate.use(key_pair())
        await asyncio.sleep(0.005)
    assert [task.result() for task in tasks] == [10] * 5


async def test_open_connection_outlives_its_certificate(served):
    await served.post()
    served.certificate.use(key_pair())
    await served.post()
    assert len(served.server._server.connections) == 1


async def test_drain_goes_on_serving_and_sends_clients_elsewhere(served):
    served.server.drain()
    async with served.client.post(served.url, data=BODY, headers=JSON) as response:
        assert (response.status, response.headers["Connection"]) == (200, "close")


async def test_close_waits_for_reviews_in_flight_and_takes_no_new_ones(served):
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow(request, _deadline):
        begun.set()
        await finish.wait()
        return encode_response(request.uid)

    await served.post()  # leaves an idle connection
    served.answer = slow
    in_flight = asyncio.create_task(served.post())
    await begun.wait()
    url = served.url
    closing = asyncio.create_task(served.server.close(5))
    await asyncio.sleep(0.02)
    with pytest.raises(aiohttp.ClientConnectorError):
        await served.client.post(url, data=BODY, headers=JSON)
    finish.set()
    assert (await in_flight)[0] == 200
    await asyncio.wait_for(closing, 30)


async def test_close_gives_up_on_reviews_that_do_not_end(served):
    async def hang(_request, _deadline):
        await asyncio.sleep(60)
        return b""

    served.answer = hang
    stuck = asyncio.create_task(served.post())
    await asyncio.sleep(0.05)
    await asyncio.wait_for(served.server.close(0.05), 30)
    with pytest.raises(aiohttp.ClientError):
        await stuck
