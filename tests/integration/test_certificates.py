"""The gate's certificate on a real API server, over a year of rotations: what a client trusts is what is served."""

import asyncio
import base64
import logging
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from cryptography import x509

from controlplane import ApiError as Refusal
from controlplane import Cluster
from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.controller.certificates import (
    PROPAGATION_SECONDS,
    RESYNC_SECONDS,
    RETIREMENT_SECONDS,
    GateCertificate,
)
from licet.controller.pki import AUTHORITY_SECONDS, SERVING_SECONDS, Authority, ServingCertificate

NOW = int(time.time())
DAY = 86_400
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


@dataclass
class Installed:
    """The objects in question, as the administrator sees and changes them."""

    cluster: Cluster
    namespace: str

    def configuration(self) -> dict:
        return self.cluster.request("GET", f"{CONFIGURATIONS}/licet-gate")

    def change_configuration(self, change: dict) -> None:
        self.cluster.request("PATCH", f"{CONFIGURATIONS}/licet-gate", change)

    def bundle(self) -> list[x509.Certificate]:
        (bundle,) = {each["clientConfig"].get("caBundle", "") for each in self.configuration()["webhooks"]}
        return x509.load_pem_x509_certificates(base64.b64decode(bundle))

    def secret(self, name: str) -> dict:
        return self.cluster.request("GET", f"/api/v1/namespaces/{self.namespace}/secrets/{name}")

    def data(self, name: str) -> dict[str, bytes]:
        return {key: base64.b64decode(value) for key, value in self.secret(name)["data"].items()}

    def change_secret(self, name: str, data: dict[str, bytes]) -> None:
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        self.cluster.request("PATCH", f"/api/v1/namespaces/{self.namespace}/secrets/{name}", {"data": encoded})

    def delete_secret(self, name: str) -> None:
        self.cluster.request("DELETE", f"/api/v1/namespaces/{self.namespace}/secrets/{name}")

    def authority(self) -> Authority:
        return Authority.load(self.data("licet-ca"))

    def serving(self) -> ServingCertificate:
        return ServingCertificate.load(self.data("licet-gate-tls"))

    def is_trusted(self, serving: ServingCertificate) -> bool:
        """Whether the API server, which knows nothing but the bundle, trusts a certificate."""
        return serving.issuer in self.bundle()

    def versions(self) -> list[str]:
        """Changes with every write."""
        objects = (self.configuration(), self.secret("licet-ca"), self.secret("licet-gate-tls"))
        return [obj["metadata"]["resourceVersion"] for obj in objects]


@pytest.fixture
def installed(control_plane: Cluster, namespace: str) -> Iterator[Installed]:
    service = {"name": "licet-gate", "namespace": namespace, "path": "/validate"}
    webhook = {
        "clientConfig": {"service": service},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}],
        # Never called: nothing listens there.
        "matchConditions": [{"name": "never", "expression": "false"}],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    webhooks = [webhook | {"name": f"{name}.gate.licet.dev"} for name in ("releases", "others")]
    control_plane.request("POST", CONFIGURATIONS, {"metadata": {"name": "licet-gate"}, "webhooks": webhooks})
    yield Installed(control_plane, namespace)
    control_plane.request("DELETE", f"{CONFIGURATIONS}/licet-gate")


@pytest.fixture
async def api(control_plane: Cluster) -> AsyncIterator[KubeApi]:
    async with KubeApi.connect(control_plane.kubeconfig, user_agent="licet-controller/test") as api:
        yield api


@pytest.fixture
def certificate(api: KubeApi, installed: Installed) -> GateCertificate:
    return GateCertificate(api, installed.namespace)


async def test_first_run_gives_gate_and_api_server_what_they_need(certificate, installed) -> None:
    look_again = await certificate.reconcile(now=NOW)

    serving = installed.serving()
    assert serving.names == {
        f"licet-gate.{installed.namespace}{suffix}" for suffix in ("", ".svc", ".svc.cluster.local")
    }
    assert installed.bundle() == [serving.issuer]
    assert installed.secret("licet-gate-tls")["type"] == "kubernetes.io/tls"
    assert set(installed.data("licet-gate-tls")) == {"tls.crt", "tls.key", "ca.crt"}
    assert set(installed.data("licet-ca")) == {"ca.crt", "ca.key"}
    assert look_again == RESYNC_SECONDS


async def test_nothing_is_written_when_nothing_changed_nor_after_a_restart(certificate, api, installed) -> None:
    await certificate.reconcile(now=NOW)
    before = installed.versions()

    await certificate.reconcile(now=NOW + PROPAGATION_SECONDS)
    await GateCertificate(api, installed.namespace).reconcile(now=NOW + 2 * PROPAGATION_SECONDS)

    assert installed.versions() == before


async def test_the_certificate_is_renewed_by_the_same_ca_well_before_its_end(certificate, installed) -> None:
    await certificate.reconcile(now=NOW)
    first, ca = installed.serving(), installed.authority().certificate
    await certificate.reconcile(now=first.renew_at - 1)
    assert installed.serving().certificate == first.certificate

    await certificate.reconcile(now=first.renew_at)

    second = installed.serving()
    assert second.certificate != first.certificate
    assert second.not_after == first.renew_at + SERVING_SECONDS
    assert installed.bundle() == [second.issuer] == [ca]
    assert first.not_after - first.renew_at > 9 * DAY


async def test_a_new_ca_is_published_before_it_issues_and_the_old_one_stays_for_a_day(certificate, installed) -> None:
    await certificate.reconcile(now=NOW)
    old_ca = installed.authority().certificate
    now = installed.authority().renew_at
    await certificate.reconcile(now=now - SERVING_SECONDS // 2)
    old = installed.serving()
    assert old.issuer == old_ca

    look_again = await certificate.reconcile(now=now)
    new_ca = installed.authority().certificate
    assert installed.bundle() == [new_ca, old_ca]
    assert installed.serving().certificate == old.certificate
    assert look_again == PROPAGATION_SECONDS

    await certificate.reconcile(now=now + PROPAGATION_SECONDS - 1)
    assert installed.serving().certificate == old.certificate

    now += PROPAGATION_SECONDS
    await certificate.reconcile(now=now)
    new = installed.serving()
    assert new.issuer == new_ca
    assert installed.is_trusted(new)
    assert installed.is_trusted(old), "a replica that has not yet read the new certificate"

    now += RETIREMENT_SECONDS
    assert await certificate.reconcile(now=now - 60) == 60
    assert installed.bundle() == [new_ca, old_ca]
    await certificate.reconcile(now=now)
    assert installed.bundle() == [new_ca]
    assert installed.serving().certificate == new.certificate
    assert installed.authority().retiring is None


async def test_a_restart_in_the_middle_of_a_rotation_does_not_hurry_it(certificate, api, installed) -> None:
    await certificate.reconcile(now=NOW)
    now = installed.authority().renew_at
    await certificate.reconcile(now=now - SERVING_SECONDS // 2)
    old = installed.serving()
    await certificate.reconcile(now=now)

    restarted = GateCertificate(api, installed.namespace)
    assert await restarted.reconcile(now=now + 10) == PROPAGATION_SECONDS
    assert installed.serving().certificate == old.certificate
    await restarted.reconcile(now=now + 10 + PROPAGATION_SECONDS)
    assert installed.serving().issuer == installed.authority().certificate


async def test_over_three_years_the_served_certificate_is_always_valid_and_trusted(certificate, installed) -> None:
    """Looked at as the queue does it, though with naps of nine days; every state on the way has to be sound."""
    now, served, authorities = NOW, None, set()
    while now < NOW + 3 * AUTHORITY_SECONDS:
        look_again = await certificate.reconcile(now=now)
        for serving in filter(None, (served, installed.serving())):  # the one that replicas still serve, and the newest
            assert installed.is_trusted(serving)
            assert serving.is_valid(now)
        served = installed.serving()
        authorities.add(served.issuer)
        now += int(look_again) if look_again < RESYNC_SECONDS else 9 * DAY
    assert len(authorities) >= 4
    assert len(installed.bundle()) == 1


async def test_after_a_long_absence_everything_is_new_at_once(certificate, api, installed) -> None:
    await certificate.reconcile(now=NOW)
    now = NOW + 2 * AUTHORITY_SECONDS

    await GateCertificate(api, installed.namespace).reconcile(now=now)

    assert installed.serving().is_valid(now)
    assert installed.bundle() == [installed.serving().issuer]


async def test_certificates_made_while_the_clock_was_ahead_are_replaced(certificate, installed) -> None:
    await certificate.reconcile(now=NOW + 10 * AUTHORITY_SECONDS)
    await certificate.reconcile(now=NOW)

    assert installed.serving().is_valid(NOW)
    assert installed.bundle() == [installed.serving().issuer]


@pytest.mark.parametrize("name", ["licet-ca", "licet-gate-tls"])
@pytest.mark.parametrize("fault", ["deleted", "garbage", "empty", "certificate of another", "other type", "immutable"])
async def test_a_secret_that_is_lost_or_spoilt_is_made_anew(certificate, installed, caplog, name, fault) -> None:
    await certificate.reconcile(now=NOW)
    old = installed.serving()
    spoil(installed, name, fault)

    caplog.set_level(logging.DEBUG)
    for moment in (NOW, NOW + PROPAGATION_SECONDS):
        await certificate.reconcile(now=moment)
        assert installed.is_trusted(installed.serving())
        assert installed.serving().is_valid(moment)
    if name == "licet-ca":
        assert installed.is_trusted(old)
    assert installed.serving().issuer == installed.authority().certificate
    assert installed.secret("licet-gate-tls")["type"] == "kubernetes.io/tls"
    assert (f"Secret {installed.namespace}/{name} is made anew" in caplog.text) is (fault != "deleted")
    assert "PRIVATE KEY" not in caplog.text


def spoil(installed: Installed, name: str, fault: str) -> None:
    kept = installed.data(name)
    match fault:
        case "garbage":
            installed.change_secret(name, dict.fromkeys(kept, b"garbage"))
        case "empty":
            installed.change_secret(name, dict.fromkeys(kept, b""))
        case "certificate of another":
            other = Authority.create(now=NOW)
            foreign = other.dump() | other.issue(["licet-gate.elsewhere"], now=NOW).dump()
            installed.change_secret(name, {key: foreign[key] for key in kept if key.endswith(".crt")})
        case _:
            installed.delete_secret(name)
    if fault in {"other type", "immutable"}:
        content = {
            "metadata": {"name": name},
            "immutable": fault == "immutable",
            "stringData": {"tls.crt": "", "tls.key": ""},
        }
        kind = "example.org/other" if fault == "other type" else installed_type(name)
        installed.cluster.request("POST", f"/api/v1/namespaces/{installed.namespace}/secrets", content | {"type": kind})


def installed_type(name: str) -> str:
    return "kubernetes.io/tls" if name == "licet-gate-tls" else "Opaque"


async def test_a_valid_certificate_of_an_unknown_ca_is_replaced_at_once(certificate, installed) -> None:
    await certificate.reconcile(now=NOW)
    foreign = Authority.create(now=NOW).issue(installed.serving().names, now=NOW)
    installed.change_secret("licet-gate-tls", foreign.dump())

    await certificate.reconcile(now=NOW)

    assert installed.is_trusted(installed.serving())
    assert installed.serving().certificate != foreign.certificate
    assert not installed.is_trusted(foreign)


async def test_a_bundle_that_was_emptied_or_changed_comes_back(certificate, installed) -> None:
    await certificate.reconcile(now=NOW)
    webhooks = installed.configuration()["webhooks"]
    webhooks[0]["clientConfig"]["caBundle"] = ""
    webhooks[1]["clientConfig"]["caBundle"] = base64.b64encode(Authority.create(now=NOW).bundle).decode()
    installed.change_configuration({"webhooks": webhooks})

    await certificate.reconcile(now=NOW)

    assert installed.bundle() == [installed.serving().issuer]


async def test_a_webhook_that_is_called_by_another_name_gets_a_certificate_for_it(certificate, installed) -> None:
    await certificate.reconcile(now=NOW)
    webhooks = installed.configuration()["webhooks"]
    webhooks[1]["clientConfig"] = {"url": "https://127.0.0.1:8443/validate"}
    installed.change_configuration({"webhooks": webhooks})

    await certificate.reconcile(now=NOW)

    assert installed.serving().names >= {"127.0.0.1", f"licet-gate.{installed.namespace}.svc"}
    assert installed.bundle() == [installed.serving().issuer]


@pytest.mark.parametrize(
    "annotation", [{"licet.dev/certificate": "existing"}, {"cert-manager.io/inject-ca-from": "licet-system/gate"}]
)
async def test_certificates_that_others_keep_are_left_alone(certificate, installed, annotation) -> None:
    installed.change_configuration({"metadata": {"annotations": annotation}})
    before = installed.configuration()

    await certificate.reconcile(now=NOW)

    assert installed.configuration() == before
    with pytest.raises(Refusal, match="404"):
        installed.secret("licet-ca")


async def test_without_a_webhook_configuration_there_is_nothing_to_do(api, namespace) -> None:
    assert await GateCertificate(api, namespace).reconcile(now=NOW) == RESYNC_SECONDS


async def test_writers_side_by_side_agree_in_the_end(api, installed) -> None:
    """As when a second controller is started by mistake: refused writes are tried again, as the queue does it."""
    writers = [GateCertificate(api, installed.namespace) for _ in range(3)]
    for _ in range(5):
        results = await gather(writers)
    assert results == [RESYNC_SECONDS] * 3
    before = installed.versions()

    assert await gather(writers) == [RESYNC_SECONDS] * 3

    assert installed.versions() == before
    assert installed.bundle() == [installed.serving().issuer]


async def gather(writers: list[GateCertificate]) -> list[float | BaseException]:
    results = await asyncio.gather(*(writer.reconcile(now=NOW) for writer in writers), return_exceptions=True)
    assert all(
        not isinstance(each, BaseException) or (isinstance(each, ApiError) and each.status == 409) for each in results
    )
    return results


async def test_a_change_made_meanwhile_is_a_conflict_and_survives(api, installed) -> None:
    class Meddler(KubeApi):
        """Another writer changes the configuration between this one's reading and writing."""

        async def replace(self, path, obj):
            label = {"metadata": {"labels": {"meddled": secrets.token_hex(2)}}}
            installed.change_configuration(label)
            return await super().replace(path, obj)

    with pytest.raises(ApiError) as caught:
        await GateCertificate(Meddler(api._transport), installed.namespace).reconcile(now=NOW)

    assert caught.value.is_conflict
    assert "meddled" in installed.configuration()["metadata"]["labels"]
