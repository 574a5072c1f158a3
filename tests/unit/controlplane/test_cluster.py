"""Requests to a cluster: what the API server puts off for a moment is no refusal."""

import json
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from controlplane import ApiError, Cluster, ControlPlaneError
from controlplane import cluster as cluster_module
from controlplane.certs import Authority
from controlplane.cluster import kubeconfig
from controlplane.layout import Layout

FILLING_ITS_CACHES = {"kind": "Status", "reason": "TooManyRequests", "message": "storage is (re)initializing"}


class Answers(deque[tuple[int, dict[str, str], dict[str, object]]]):
    """Status, headers and JSON of what is answered next; the last one is answered for good."""


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def cluster(tmp_path: Path, answers: Answers) -> Iterator[Cluster]:
    layout, authority = Layout(tmp_path), Authority.create("test")
    layout.certificates.mkdir()
    (layout.certificates / "ca.crt").write_bytes(authority.certificate)
    authority.client("admin").write(layout.certificates, "admin")
    authority.serving("server", names=[], addresses=["127.0.0.1"]).write(tmp_path, "server")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, content = answers.popleft() if len(answers) > 1 else answers[0]
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        url = f"https://127.0.0.1:{server.server_port}"
        layout.kubeconfig.write_bytes(kubeconfig(url, authority.certificate, "admin", {}))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Cluster(tmp_path)
        server.shutdown()
        thread.join()


def test_what_is_put_off_is_asked_again(cluster: Cluster, answers: Answers) -> None:
    answers.extend([(429, {"Retry-After": "0"}, FILLING_ITS_CACHES)] * 2 + [(200, {}, {"kind": "License"})])
    assert cluster.request("GET", "/x") == {"kind": "License"}


def test_what_is_put_off_for_good_is_an_error(cluster: Cluster, answers: Answers) -> None:
    answers.append((429, {"Retry-After": "0"}, FILLING_ITS_CACHES))
    with pytest.raises(ApiError, match=r"storage is \(re\)initializing"):
        cluster.request("GET", "/x")


def test_refusal_without_a_time_to_come_back_is_an_error_at_once(cluster: Cluster, answers: Answers) -> None:
    answers.extend([(429, {}, FILLING_ITS_CACHES), (200, {}, {"kind": "License"})])
    with pytest.raises(ApiError):
        cluster.request("GET", "/x")


WIDGETS = {
    "metadata": {"name": "widgets.example.com"},
    "spec": {"group": "example.com", "names": {"plural": "widgets"}, "versions": [{"name": "v1", "served": True}]},
}
MISSING = {"kind": "Status", "reason": "NotFound", "message": "the server could not find the requested resource"}


def test_kind_is_waited_for_until_clients_find_it(cluster: Cluster, answers: Answers) -> None:
    listed: dict[str, object] = {"items": []}
    nothing, found = {"resources": []}, {"resources": [{"name": "widgets"}]}
    answers.extend([(404, {}, MISSING), (200, {}, listed), (200, {}, nothing), (200, {}, listed), (200, {}, found)])
    cluster.await_served([WIDGETS])
    assert len(answers) == 1


def test_kind_that_never_comes_is_an_error(cluster: Cluster, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "SERVED_TIMEOUT", 0)
    answers.append((404, {}, MISSING))
    with pytest.raises(ControlPlaneError, match=r"widgets.example.com is not served"):
        cluster.await_served([WIDGETS])


def test_kubeconfig_may_have_been_written_anew_by_kubectl(cluster: Cluster) -> None:
    """`kubectl config set-context` makes YAML of it."""
    written = json.loads(cluster.kubeconfig.read_text())
    cluster.kubeconfig.write_text(yaml.safe_dump(written))
    assert Cluster(cluster.directory).server == written["clusters"][0]["cluster"]["server"]
