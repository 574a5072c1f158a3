"""What clients of a real API server see of the gate."""

import gzip
import io
import json
import random
import re
from base64 import b64encode

import pytest

from support.admission import release_config_map, release_secret
from support.gate_process import NAMESPACE, apply, create, kubectl, secret, until
from support.helm_releases import release_document
from support.vendor_simulator import DAY

LICENSES = "/apis/licet.dev/v1alpha1/licenses"
INSTALLATION = {"apiVersion": "licet.dev/v1alpha1", "kind": "Installation"}


def events(site):
    return site.cluster.request("GET", f"/api/v1/namespaces/{site.namespace}/events")["items"]


def decision(refusal) -> str:
    return re.search(r"\[decision (\w{26})\]", str(refusal))[1]


def warnings(site, version: str = "2.4.1", **release) -> list[str]:
    """Create a release's Secret with kubectl; gives the warnings that it prints."""
    document = release_document(site.vendor.product, version, namespace=site.namespace, **release)
    created = kubectl(
        site.cluster, "create", "-n", site.namespace, "-f", "-", stdin=json.dumps(release_secret(document))
    )
    return [line.removeprefix("Warning: ") for line in created.stderr.splitlines()]


def test_denial_is_what_the_client_sees_and_its_id_is_in_log_and_event(site):
    site.apply_license()
    refusal = site.install("3.1.0", name="web")
    assert str(refusal) == (
        '403 Forbidden: admission webhook "releases.gate.licet.dev" denied the request: '
        f'licet: chart {site.vendor.product} 3.1.0 (release "web", namespace "{site.namespace}") is not licensed: '
        f"license {site.license} (plan pro) covers >=2.0.0 <3.0.0. Install a covered version, or apply a license that "
        f"covers 3.1.0. [decision {decision(refusal)}]"
    )
    line = site.gate.line(decision=decision(refusal))
    assert (line["result"], line["reason"]) == ("denied", "VersionNotCovered")
    until(lambda: any(decision(refusal) in event["message"] for event in events(site)))
    (event,) = events(site)
    assert (event["reason"], event["type"]) == ("ReleaseDenied", "Warning")


def test_license_counts_the_moment_it_was_applied(site):
    assert site.install()
    for sequence in range(20):
        site.apply_license(series="s", sequence=sequence, charts=[{"name": "*", "versions": f"1.0.{sequence}"}])
        assert site.install(f"1.0.{sequence}") is None


def test_token_counts_the_moment_its_secret_was_made(site):
    reference = {"name": f"{site.vendor.name}-license", "key": "license.jwt"}
    manifest = site.vendor.license_manifest(site.license, "")
    apply(site.cluster, manifest | {"spec": {"tokenFrom": {"secretKeyRef": reference}}})
    assert "no license that counts" in str(site.install())
    data = {"license.jwt": b64encode(site.vendor.token().encode()).decode()}
    apply(site.cluster, secret(reference["name"], data))
    assert site.install() is None


def test_token_that_the_controller_keeps_counts_without_its_secret(site):
    reference = {"name": "gone", "key": "license.jwt"}
    manifest = site.vendor.license_manifest(site.license, "")
    apply(site.cluster, manifest | {"spec": {"tokenFrom": {"secretKeyRef": reference}}})
    uid = site.cluster.request("GET", f"{LICENSES}/{site.license}")["metadata"]["uid"]
    kept = {"uid": uid, "secretKeyRef": reference, "token": site.vendor.token()}
    apply(site.cluster, secret("licet-tokens", {site.license: b64encode(json.dumps(kept).encode()).decode()}))
    until(lambda: site.install() is None)


def test_chart_of_nobody_and_objects_without_the_marks_of_a_release_are_none_of_its_business(site):
    document = release_document("wordpress", "1.0.0", namespace=site.namespace)
    unmarked = {"metadata": {"generateName": "x-", "labels": {"owner": "me"}}}
    for make, changes in ((release_secret, {"type": "Opaque"}), (release_config_map, {})):
        assert create(site.cluster, site.namespace, make(document)) is None
        assert create(site.cluster, site.namespace, make(document, payload=b"?", **unmarked, **changes)) is None
        assert create(site.cluster, site.namespace, make(document, data={}, **changes, metadata={"name": "x"})) is None
        marked = {"generateName": "x-", "labels": {"owner": "helm"}}
        assert create(site.cluster, site.namespace, make(document, data={}, metadata=marked, **changes)) is None


@pytest.mark.parametrize(
    "metadata",
    [
        {"name": "sh.helm.release.v1.web.v1"},
        {"generateName": "sh.helm.release.v1.web.v"},
        {"name": "x", "labels": {"owner": "helm", "name": "web"}},
    ],
)
def test_one_mark_by_which_helm_finds_a_release_is_enough(site, metadata):
    document = release_document(site.vendor.product, "3.1.0", namespace=site.namespace)
    for obj in (release_secret(document, type="Opaque"), release_config_map(document)):
        assert "is not licensed" in str(create(site.cluster, site.namespace, obj | {"metadata": metadata}))


def test_operators_own_namespace_is_exempt(site):
    assert site.install(into=NAMESPACE) is None


def test_enforcement_warn_admits_with_a_warning(site):
    site.apply_vendor(enforcement="Warn")
    until(lambda: site.install() is None)
    text = " ".join(warnings(site))
    assert f"licet: chart {site.vendor.product} 2.4.1" in text
    assert "is not licensed" in text
    until(lambda: any(event["reason"] == "ReleaseWarned" for event in events(site)))


def test_enforcement_audit_admits_in_silence(site):
    site.apply_vendor(enforcement="Audit")
    until(lambda: site.install() is None)
    assert warnings(site) == []
    until(lambda: any(event["reason"] == "ReleaseAudited" for event in events(site)))


def test_license_in_grace_admits_with_a_warning(site):
    now = site.vendor.now
    site.apply_license(iat=now - 30 * DAY, nbf=now - 30 * DAY, exp=now - DAY, gracePeriod="P14D")
    assert "is licensed until" in " ".join(warnings(site))


def test_long_warning_reaches_the_user_whole(site):
    site.apply_vendor(enforcement="Warn")
    until(lambda: site.install() is None)
    (told,) = warnings(site, version=f"2.4.1-{'x' * 240}")
    assert "x" * 240 in told
    assert re.search(r"Apply a License.* \[decision \w{26}\]$", told)


def test_version_that_the_installation_remembers_is_admitted_with_a_warning(site):
    metadata = {"name": "web", "namespace": site.namespace}
    apply(site.cluster, {**INSTALLATION, "metadata": metadata})
    past = {"chart": site.vendor.product, "version": "2.3.0", "revision": 1, "licensed": True}
    charts = [
        {"name": site.vendor.product, "version": "2.4.1", "vendor": site.vendor.name, "product": site.vendor.product}
    ]
    path = f"/apis/licet.dev/v1alpha1/namespaces/{site.namespace}/installations/web/status"
    site.cluster.request("PATCH", path, {"status": {"charts": charts, "history": [past]}})
    assert "this version runs here" in " ".join(warnings(site, "2.4.1", revision=3))
    assert "this version ran licensed here" in " ".join(warnings(site, "2.3.0", revision=4))
    assert site.install("2.5.0", name="web", revision=5)
    assert site.install("2.4.1", name="other")


def test_what_was_remembered_holds_against_a_clock_that_was_turned_back(site):
    site.apply_license()
    assert site.install() is None
    memory = {"issuers": {site.vendor.issuer: {"mark": site.vendor.now + 400 * DAY, "series": []}}}
    metadata = {"name": "licet-memory", "namespace": NAMESPACE}
    data = {"memory.json": json.dumps(memory)}
    apply(site.cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    until(lambda: "expired" in str(site.install()))


def test_license_has_to_allow_every_namespace_that_the_release_names(site):
    site.apply_license(bindings={"namespaces": [site.namespace]})
    assert site.install() is None
    refusal = str(site.install(into="default"))
    assert f'namespace "default" and "{site.namespace}"' in refusal
    assert site.license not in refusal
    assert site.install() is None


def test_labels_of_a_namespace_count_the_moment_it_is_made(site):
    token = site.vendor.token()
    selector = {"matchLabels": {"team": site.vendor.name}}
    apply(site.cluster, site.vendor.license_manifest(site.license, token, allowedNamespaces={"selector": selector}))
    assert site.install()
    name = f"{site.namespace}-pay"
    metadata = {"name": name, "labels": selector["matchLabels"]}
    site.cluster.request("POST", "/api/v1/namespaces", {"metadata": metadata})
    assert site.install(into=name, namespace=name) is None


def test_dry_run_is_judged_alike_and_leaves_nothing(site):
    refusal = site.install(query="?dryRun=All")
    assert site.gate.line(decision=decision(refusal))["dryRun"]
    refused_for_good = site.install()
    until(lambda: any(decision(refused_for_good) in event["message"] for event in events(site)))
    assert not any(decision(refusal) in event["message"] for event in events(site))


def bomb() -> bytes:
    """700 MiB in 700 KB."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for _ in range(700):
            file.write(bytes(1024 * 1024))
    return b64encode(packed.getvalue())


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"?", "not base64"),
        (b64encode(b'{"name": "web"}'), "does not say the name of its chart"),
        (bomb(), "gzip of 734003200 bytes; at most 67108864 are read"),
    ],
)
def test_release_that_cannot_be_read_is_refused(site, payload, reason):
    document = release_document("wordpress", "1.0.0", namespace=site.namespace)
    refusal = create(site.cluster, site.namespace, release_secret(document, payload=payload))
    assert re.search(rf"can't be judged: .*{reason}.*\[decision", str(refusal)), str(refusal)
    assert site.gate.readiness()[0] == 200


def test_release_in_a_format_of_the_future_is_refused(site):
    document = release_document("wordpress", "1.0.0", namespace=site.namespace)
    refusal = create(site.cluster, site.namespace, release_secret(document, type="helm.sh/release.v2"))
    assert "its format 'helm.sh/release.v2' is not known" in str(refusal)


def test_largest_release_that_a_secret_can_hold_passes(site):
    site.apply_license()
    noise = random.Random(1).randbytes(650_000).hex("\n", 40)
    document = release_document(site.vendor.product, "2.4.1", namespace=site.namespace, manifest=noise)
    obj = release_secret(document)
    assert 950 * 1024 < len(obj["data"]["release"]) * 3 // 4 < 1024 * 1024
    assert create(site.cluster, site.namespace, obj) is None
