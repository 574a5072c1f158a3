"""The gate as a process: its start, its certificate, its load, its end."""

import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from support.admission import encoded, release_secret, review
from support.gate_process import HOST, NAMESPACE, GateProcess, apply, certificate_secret, kubectl, until
from support.helm_releases import release_document


@pytest.fixture
def second(site, tmp_path) -> Iterator[GateProcess]:
    """Another gate, which no API server calls."""
    with GateProcess(site.kubeconfig, tmp_path / "gate.log") as process:
        process.await_ready()
        yield process


class Client:
    """Posts to a gate as the API server does, each time on a new connection."""

    def __init__(self, site, gate: GateProcess) -> None:
        self._port = gate.port
        self._tls = ssl.create_default_context(cadata=site.authority.certificate.decode())
        document = release_document(site.vendor.product, "2.4.1", namespace=site.namespace)
        self.review = encoded(review(release_secret(document), namespace=site.namespace))

    def post(self, body: bytes = b"", *, together: threading.Barrier | None = None) -> tuple[int, bytes]:
        """Gives status and body; waits for others when connected."""
        connection = http.client.HTTPSConnection(HOST, self._port, context=self._tls, timeout=30)
        try:
            connection.connect()
            if together is not None:
                together.wait()
            connection.request("POST", "/validate", body or self.review, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@dataclass
class Outcome:
    """What became of the reviews of a load."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def load(client: Client) -> Iterator[Outcome]:
    """Post reviews from several clients for as long as the block lasts."""
    outcome, stopping = Outcome(), threading.Event()

    def work() -> None:
        while not stopping.is_set():
            try:
                status, _ = client.post()
            except (OSError, http.client.HTTPException) as error:
                outcome.failures.append(repr(error))
            else:
                outcome.answered += 1
                if status != 200:
                    outcome.failures.append(str(status))

    with ThreadPoolExecutor(6) as pool:
        for _ in range(6):
            pool.submit(work)
        try:
            yield outcome
        finally:
            stopping.set()


def certificate_of(gate: GateProcess) -> str:
    return ssl.get_server_certificate((HOST, gate.port))


def test_gate_waits_for_its_first_certificate(site, tmp_path):
    kubectl(site.cluster, "delete", "-n", NAMESPACE, "secret", "licet-gate-tls")
    with GateProcess(site.kubeconfig, tmp_path / "gate.log") as second:
        until(lambda: second.readiness()[1].startswith("certificate: none"))
        assert second.readiness()[0] == 503
        with pytest.raises(ConnectionRefusedError):
            certificate_of(second)
        apply(site.cluster, certificate_secret(site.authority))
        second.await_ready()
        assert certificate_of(second)


def test_certificate_is_replaced_under_load_without_a_connection_refused(site, second):
    seen = {certificate_of(second)}
    with load(Client(site, second)) as outcome:
        for _ in range(5):
            apply(site.cluster, certificate_secret(site.authority))
            until(lambda: certificate_of(second) not in seen)
            seen.add(certificate_of(second))
        until(lambda: outcome.answered > 20)
    assert outcome.failures == []


def test_broken_certificate_leaves_the_one_before_and_is_reported(site, second):
    before = certificate_of(second)
    good, other = certificate_secret(site.authority), certificate_secret(site.authority)
    apply(site.cluster, good | {"data": good["data"] | {"tls.key": other["data"]["tls.key"]}})
    until(lambda: bool(second.lines(level="error", logger="licet.gate.main")))
    assert "can't be used" in second.lines(level="error")[0]["message"]
    assert (certificate_of(second), second.readiness()[0]) == (before, 200)
    apply(site.cluster, good)
    until(lambda: certificate_of(second) != before)


def test_two_hundred_connections_at_once_are_answered_and_the_gate_stays_ready(site, second):
    client, together = Client(site, second), threading.Barrier(200, timeout=60)
    with ThreadPoolExecutor(200) as pool:
        waiting = [pool.submit(client.post, together=together) for _ in range(200)]
        assert second.readiness()[0] == 200
        answers = [each.result() for each in waiting]
    assert {status for status, _ in answers} == {200}
    assert not any(json.loads(body)["response"]["allowed"] for _, body in answers)
    until(lambda: len(second.lines(result="denied")) == 200)
    (reads,) = (line for line in second.metrics().splitlines() if 'live_reads_total{result="done"}' in line)
    assert float(reads.split()[-1]) < 100  # one read serves all that wait


def test_large_bodies_and_nonsense_leave_the_gate_ready(site, second):
    client = Client(site, second)
    bodies = [b" " * 8 * 2**20, b"[" * 7 * 2**20, b"{", b"\0"] * 5
    with ThreadPoolExecutor(4) as pool:
        assert {status for status, _ in pool.map(client.post, bodies)} == {400, 413}
    assert second.readiness()[0] == 200
    assert client.post()[0] == 200


def test_sigterm_drains(site, second):
    with load(Client(site, second)) as outcome:
        until(lambda: outcome.answered > 20)
        second.terminate()
        until(lambda: second.readiness()[0] == 503)
        assert "gate: stopping" in second.readiness()[1]
        before = outcome.answered
        until(lambda: outcome.answered > before + 5)
        assert outcome.failures == []
    assert second.wait(30) == 0
    assert not second.lines(level="error")
