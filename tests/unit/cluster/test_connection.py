import base64
import ssl
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from licet.cluster import connection
from licet.cluster.connection import ClusterConfigError, Connection, read_endpoint
from scripted_server import write_kubeconfig

ELSEWHERE = {"server": "https://elsewhere.example:6443"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def home_kubeconfig(tmp_path) -> str:
    path = tmp_path / "home" / ".kube" / "config"
    path.parent.mkdir(parents=True)
    return write_kubeconfig(path, cluster={"server": "https://home.example"}, user={})


@pytest.fixture
def pod(monkeypatch, tmp_path, certificate) -> Path:
    """A ServiceAccount's directory as the kubelet mounts it."""
    for name, content in (("token", b"first\n"), ("ca.crt", certificate[0])):
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    return tmp_path


@pytest.fixture(scope="session")
def certificate() -> tuple[bytes, bytes]:
    """A certificate without any extension, as older clusters' CAs are, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    encoded = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem), encoded


def test_kubeconfig_that_is_named_comes_before_all_others(monkeypatch, tmp_path, home_kubeconfig, pod):
    named = write_kubeconfig(tmp_path / "named", cluster=ELSEWHERE, user={})
    monkeypatch.setenv("KUBECONFIG", home_kubeconfig)
    assert read_endpoint(named).server == "https://elsewhere.example:6443"


def test_variable_kubeconfig_comes_before_the_pods_service_account(monkeypatch, home_kubeconfig, pod):
    monkeypatch.setenv("KUBECONFIG", home_kubeconfig)
    assert read_endpoint().server == "https://home.example"


def test_pods_service_account_comes_before_the_home_directory(home_kubeconfig, pod):
    endpoint = read_endpoint()
    assert (endpoint.server, endpoint.authorization()) == ("https://[fd00::1]:443", "bearer first")


def test_kubeconfig_of_the_home_directory_is_the_last_resort(home_kubeconfig):
    assert read_endpoint().server == "https://home.example"


def test_no_configuration_at_all_is_explained():
    with pytest.raises(ClusterConfigError, match="KUBECONFIG"):
        read_endpoint()


def test_unknown_context_is_explained(home_kubeconfig):
    with pytest.raises(ClusterConfigError, match="staging"):
        read_endpoint(context="staging")


@pytest.mark.parametrize("content", ["", "[]", "x", "{", "\x00", "contexts: 7\ncurrent-context: here", "a: [\t"])
def test_file_that_is_no_kubeconfig_is_explained(tmp_path, content):
    path = tmp_path / "broken"
    path.write_text(content)
    with pytest.raises(ClusterConfigError, match="broken"):
        read_endpoint(path)


def test_faulty_kubeconfig_is_explained_without_its_token(tmp_path):
    path = write_kubeconfig(tmp_path / "broken", cluster=ELSEWHERE, user={})
    Path(path).write_text(Path(path).read_text().replace("user: {}", "token: s3cr3t-opaque"))
    with pytest.raises(ClusterConfigError) as caught:
        read_endpoint(path)
    assert "s3cr3t" not in str(caught.value)


def test_proxy_of_the_environment_is_ignored(monkeypatch, home_kubeconfig):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert read_endpoint().proxy is None


def test_proxy_of_the_kubeconfig_is_used(tmp_path):
    path = write_kubeconfig(tmp_path / "it", cluster=ELSEWHERE | {"proxy-url": "http://proxy.example:3128"}, user={})
    assert read_endpoint(path).proxy == "http://proxy.example:3128"


def test_proxy_of_an_unsupported_kind_is_refused(tmp_path):
    path = write_kubeconfig(tmp_path / "it", cluster=ELSEWHERE | {"proxy-url": "socks5://proxy.example"}, user={})
    with pytest.raises(ClusterConfigError, match="http://"):
        read_endpoint(path)


def test_inline_client_key_leaves_no_file_behind(monkeypatch, tmp_path, certificate):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    encoded = [base64.b64encode(part).decode() for part in certificate]
    user = {"client-certificate-data": encoded[0], "client-key-data": encoded[1]}
    path = write_kubeconfig(tmp_path / "it", cluster=ELSEWHERE | {"certificate-authority-data": encoded[0]}, user=user)
    for _ in range(2):  # the second reading finds the first one's files gone
        assert read_endpoint(path).authorization() is None
        assert list(scratch.iterdir()) == []


def test_authority_without_extensions_is_trusted_as_go_does(home_kubeconfig):
    tls = read_endpoint().tls
    assert isinstance(tls, ssl.SSLContext)
    assert not tls.verify_flags & ssl.VERIFY_X509_STRICT
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_verification_is_left_out_only_where_the_kubeconfig_says_so(tmp_path):
    path = write_kubeconfig(tmp_path / "it", cluster=ELSEWHERE | {"insecure-skip-tls-verify": True}, user={})
    tls = read_endpoint(path).tls
    assert isinstance(tls, ssl.SSLContext)
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_NONE, False)


@pytest.fixture
def exec_plugin(tmp_path) -> dict:
    """A user whose token comes from a program, which makes a new one each time and says that it is over already."""
    program = tmp_path / "plugin.py"
    program.write_text("""
import json, pathlib, sys
counter = pathlib.Path(sys.argv[1])
count = len(counter.read_text()) if counter.exists() else 0
counter.write_text("x" * (count + 1))
status = {"token": f"token-{count}", "expirationTimestamp": "2020-01-01T00:00:00Z"}
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
""")
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable}
    return {"exec": command | {"args": [str(program), str(tmp_path / "count")]}}


async def test_token_of_an_exec_plugin_is_asked_for_again_when_it_is_over(monkeypatch, tmp_path, exec_plugin):
    opened = await Connection.open(write_kubeconfig(tmp_path / "it", cluster=ELSEWHERE, user=exec_plugin))
    first = await opened.authorization()
    assert await opened.authorization() == first  # not for every request
    monkeypatch.setattr(connection, "_CREDENTIALS_FRESH_SECONDS", 0.0)
    opened._fresh_until = 0.0
    second = await opened.authorization()
    assert second != first
    assert second.startswith("Bearer token-")


async def test_rotated_token_file_is_read_again_after_a_refusal(monkeypatch, tmp_path):
    monkeypatch.setattr(connection, "_RELOAD_PAUSE_SECONDS", 0.0)
    (tmp_path / "token").write_text("first\n")
    user = {"tokenFile": str(tmp_path / "token")}
    opened = await Connection.open(write_kubeconfig(tmp_path / "it", cluster=ELSEWHERE, user=user))
    assert await opened.authorization() == "Bearer first"
    (tmp_path / "token").write_text("second\n")
    assert await opened.reread(tried_at=time.monotonic())
    assert await opened.authorization() == "Bearer second"


async def test_one_reading_serves_all_requests_that_were_refused_together(monkeypatch, tmp_path):
    monkeypatch.setattr(connection, "_RELOAD_PAUSE_SECONDS", 0.0)
    opened = await Connection.open(write_kubeconfig(tmp_path / "it", cluster=ELSEWHERE, user={}))
    tried_at = time.monotonic()
    before = opened.endpoint
    await opened.reread(tried_at=tried_at)
    after = opened.endpoint
    assert await opened.reread(tried_at=tried_at)
    assert before is not after is opened.endpoint


async def test_cluster_that_keeps_refusing_does_not_cause_reading_after_reading(tmp_path):
    opened = await Connection.open(write_kubeconfig(tmp_path / "it", cluster=ELSEWHERE, user={}))
    before = opened.endpoint
    assert not await opened.reread(tried_at=time.monotonic())
    assert opened.endpoint is before


async def test_configuration_that_has_become_unreadable_leaves_the_last_one(monkeypatch, tmp_path):
    monkeypatch.setattr(connection, "_RELOAD_PAUSE_SECONDS", 0.0)
    opened = await Connection.open(write_kubeconfig(tmp_path / "it", cluster=ELSEWHERE, user={"token": "opaque"}))
    (tmp_path / "it").write_text("half a fi")
    assert not await opened.reread(tried_at=time.monotonic())
    assert await opened.authorization() == "Bearer opaque"


async def test_token_file_that_is_missing_for_a_moment_leaves_the_last_token(monkeypatch, pod):
    opened = await Connection.open()
    assert await opened.authorization() == "bearer first"
    monkeypatch.setattr(type(opened.endpoint), "authorization", lambda _: (pod / "gone").read_text())
    opened._fresh_until = 0.0
    assert await opened.authorization() == "bearer first"
