import aiohttp
import prometheus_client
import pytest

from licet.cluster.serving import ServingError, StatusServer


async def fetch(server: StatusServer, path: str, **options) -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}{path}", **options) as response,
    ):
        return response.status, response.content_type, await response.text()


async def test_alive_whether_ready_or_not():
    async with StatusServer("127.0.0.1", 0, ready=lambda: ["vendors: not listed yet"]) as server:
        assert await fetch(server, "/healthz") == (200, "text/plain", "ok\n")


async def test_ready_when_no_check_fails():
    async with StatusServer("127.0.0.1", 0, ready=list) as server:
        assert await fetch(server, "/readyz") == (200, "text/plain", "ok\n")


async def test_not_ready_names_every_failing_check_as_of_now():
    failing = []
    async with StatusServer("127.0.0.1", 0, ready=lambda: failing) as server:
        failing += ["vendors: not listed yet", "licenses: no live watch for 61 s"]
        status, _, text = await fetch(server, "/readyz")
    assert (status, text) == (503, "vendors: not listed yet\nlicenses: no live watch for 61 s\n")


@pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text; version=1.0.0"])
async def test_metrics_are_in_the_format_that_is_asked_for(accept):
    prometheus_client.Gauge("licet_test_serving", "A gauge.", registry=prometheus_client.REGISTRY).set(7)
    try:
        async with StatusServer("127.0.0.1", 0, ready=list) as server:
            status, kind, text = await fetch(server, "/metrics", headers={"Accept": accept})
    finally:
        prometheus_client.REGISTRY.unregister(prometheus_client.REGISTRY._names_to_collectors["licet_test_serving"])
    assert (status, "licet_test_serving 7.0" in text) == (200, True)
    assert kind == ("application/openmetrics-text" if "openmetrics" in accept else "text/plain")


async def test_nothing_else_is_served():
    async with StatusServer("127.0.0.1", 0, ready=list) as server:
        assert (await fetch(server, "/"))[0] == 404


async def test_address_that_is_taken_is_explained():
    async with StatusServer("127.0.0.1", 0, ready=list) as server:
        with pytest.raises(ServingError, match=rf"127\.0\.0\.1:{server.port}.*choose another"):
            await StatusServer("127.0.0.1", server.port, ready=list).__aenter__()


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0)])
async def test_address_that_cannot_be_is_explained(host, port):
    with pytest.raises(ServingError, match="cannot be served"):
        await StatusServer(host, port, ready=list).__aenter__()


async def test_stopped_server_frees_its_port():
    async with StatusServer("127.0.0.1", 0, ready=list) as server:
        port = server.port
    async with StatusServer("127.0.0.1", port, ready=list) as server:
        assert (await fetch(server, "/healthz"))[0] == 200
