import asyncio
import time
from email.utils import formatdate

import prometheus_client
import pytest
from aiohttp import web

from licet.cluster import connection, transport
from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from scripted_server import answer, hang_up, refusal


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(transport.random, "uniform", lambda _, __: 0.0)


def counted(method: str, code: str) -> float:
    labels = {"method": method, "code": code}
    return prometheus_client.REGISTRY.get_sample_value("rest_client_requests_total", labels) or 0.0


async def test_read_whose_connection_fails_is_tried_again(server, api):
    server.will(hang_up, hang_up, hang_up, answer({"kind": "ConfigMap"}))
    assert await api.get("/x") == {"kind": "ConfigMap"}


async def test_read_that_keeps_failing_ends_as_unreachable(server, api):
    server.will(hang_up)
    with pytest.raises(ApiError) as caught:
        await api.get("/x")
    assert caught.value.is_unreachable
    assert str(caught.value).startswith("GET /x: Unreachable: ")


@pytest.mark.parametrize("write", ["create", "patch"])
async def test_write_whose_connection_fails_is_left_to_the_caller(server, api, write):
    server.will(hang_up, answer({}))
    with pytest.raises(ApiError) as caught:
        await getattr(api, write)("/x", {})
    assert caught.value.is_unreachable
    assert len(server.requests) == 1


@pytest.mark.parametrize("write", ["create", "replace", "patch"])
async def test_request_that_the_server_puts_off_is_repeated_whatever_it_is(server, api, write):
    server.will(refusal(429, "TooManyRequests", Retry_After="1"), answer({"done": True}))
    assert await getattr(api, write)("/x", {"a": 1}) == {"done": True}
    assert server.bodies == [b'{"a":1}', b'{"a":1}']


async def test_retry_after_is_waited_for_up_to_a_bound(server, api, monkeypatch):
    pauses = []
    monkeypatch.setattr(transport.random, "uniform", lambda _, __: 1.0)

    async def sleep(seconds):
        pauses.append(seconds)

    monkeypatch.setattr(transport.asyncio, "sleep", sleep)
    server.will(*(refusal(429, "TooManyRequests", Retry_After=after) for after in ("2", "86400")), answer({}))
    await api.get("/x")
    assert pauses == [2.0, 10.0]


async def test_server_that_keeps_putting_off_is_given_up(server, api):
    server.will(refusal(429, "TooManyRequests", Retry_After="0"))
    with pytest.raises(ApiError) as caught:
        await api.get("/x")
    assert (caught.value.status, caught.value.retry_after) == (429, 0.0)
    assert len(server.requests) == 4


async def test_refusal_is_not_repeated(server, api):
    server.will(refusal(503, "ServiceUnavailable"))
    with pytest.raises(ApiError):
        await api.get("/x")
    assert len(server.requests) == 1


async def test_redirect_is_not_followed(server, api):
    server.will(answer({}, 307, Location="http://127.0.0.1:1/"))
    with pytest.raises(ApiError) as caught:
        await api.get("/x")
    assert caught.value.status == 307


async def test_rotated_token_is_taken_up_when_the_old_one_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "_RELOAD_PAUSE_SECONDS", 0.0)
    token = tmp_path / "token"
    token.write_text("old")

    async def guarded(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] == f"Bearer {token.read_text()}":
            return web.json_response({})
        return await refusal(401, "Unauthorized")(request)

    server.will(guarded)
    async with KubeApi.connect(server.kubeconfig(tokenFile=str(token)), user_agent="tests/0") as api:
        await api.get("/x")
        token.write_text("new")
        await asyncio.gather(*(api.create("/x", {}) for _ in range(5)))
    assert len(server.requests) == 1 + 5 + 5  # each of those under way is refused once


async def test_credentials_that_stay_refused_are_reported(server, api, monkeypatch):
    monkeypatch.setattr(connection, "_RELOAD_PAUSE_SECONDS", 0.0)
    server.will(refusal(401, "Unauthorized"))
    with pytest.raises(ApiError) as caught:
        await api.get("/x")
    assert caught.value.is_unauthorized
    assert len(server.requests) == 2


async def test_token_is_in_no_error(server):
    server.will(refusal(403, "Forbidden"), hang_up)
    async with KubeApi.connect(server.kubeconfig(token="s3cr3t-opaque"), user_agent="tests/0") as api:
        for _ in range(2):
            with pytest.raises(ApiError) as caught:
                await api.get("/x")
            chain = [caught.value, caught.value.__cause__]
            assert "s3cr3t" not in "".join(f"{error} {error!r}" for error in chain)


async def test_clock_of_the_server_is_noted(server, api):
    assert api.clock_skew is None
    server.will(answer({}, Date=formatdate(time.time() - 3600, usegmt=True)))
    await api.get("/x")
    assert api.clock_skew == pytest.approx(-3600, abs=2)


async def test_date_that_cannot_be_read_is_no_clock(server, api):
    server.will(answer({}, Date="yesterday"))
    await api.get("/x")
    assert api.clock_skew is None


async def test_requests_are_counted_by_method_and_code(server, api):
    before = counted("GET", "200"), counted("POST", "<error>")
    server.will(answer({}), hang_up)
    await api.get("/x")
    with pytest.raises(ApiError):
        await api.create("/x", {})
    assert (counted("GET", "200"), counted("POST", "<error>")) == (before[0] + 1, before[1] + 1)


async def test_slow_server_is_given_up_in_time(server, api, monkeypatch):
    monkeypatch.setattr(transport, "_REQUEST_LIMITS", transport.aiohttp.ClientTimeout(total=0.1))

    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.5)
        return web.json_response({})

    server.will(slow)
    with pytest.raises(ApiError) as caught:
        await api.create("/x", {})
    assert (caught.value.is_unreachable, caught.value.reason) == (True, "Timeout")
