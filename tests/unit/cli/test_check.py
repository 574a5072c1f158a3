"""`licet check` with files: the gate's verdict without a cluster."""

import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from support.vendor_simulator import CLUSTER, VendorSimulator

COVERED = [{"name": "acme-platform", "versions": ">=2.0.0 <3.0.0"}]


@pytest.fixture
def vendor(acme: VendorSimulator, write: Callable) -> str:
    return write("vendor.yaml", acme.vendor_manifest())


@pytest.fixture
def license_(acme: VendorSimulator, write: Callable) -> str:
    return write("acme.jwt", acme.token(charts=COVERED, plan="pro"))


def package(name: str, version: str, *, inside: dict[str, bytes] | None = None, **chart: Any) -> bytes:
    """A chart's package, as `helm package` makes it."""
    metadata = {"apiVersion": "v2", "name": name, "version": version, **chart}
    files = {"Chart.yaml": yaml.safe_dump(metadata).encode(), **(inside or {})}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("version", "code", "said"), [("2.4.1", 0, "allowed (Licensed)"), ("3.1.0", 1, "denied (Vers")]
)
def test_verdict_is_the_exit_code(
    version: str, code: int, said: str, licet: Callable, vendor: str, license_: str
) -> None:
    answer = licet("check", "acme-platform", version, "-n", "prod-eu", "--vendor", vendor, "--license", license_)
    assert answer.code == code
    assert answer.out.startswith(said)


def test_denial_is_the_gates_with_the_next_step(licet: Callable, vendor: str, license_: str) -> None:
    files = ("--vendor", vendor, "--license", license_)
    answer = licet("check", "acme-platform", "3.1.0", "-n", "prod-eu", "--release", "web", *files, "-o", "json")
    assert answer.document["message"] == (
        'chart acme-platform 3.1.0 (release "web", namespace "prod-eu") is not licensed: license acme (plan pro) '
        "covers >=2.0.0 <3.0.0. Install a covered version, or apply a license that covers 3.1.0."
    )
    assert answer.document["permitted"] is False
    assert answer.document["reason"] == "VersionNotCovered"


def test_without_a_license_nothing_of_the_vendor_is_let_in(licet: Callable, vendor: str) -> None:
    assert licet("check", "acme-platform", "2.4.1", "-n", "prod-eu", "--vendor", vendor).code == 1


def test_what_no_vendor_claims_needs_no_license(licet: Callable, vendor: str) -> None:
    answer = licet("check", "nginx", "1.0.0", "-n", "prod-eu", "--vendor", vendor)
    assert answer.code == 0
    assert answer.out.startswith("allowed (NotProtected): ")


@pytest.mark.parametrize(("enforcement", "result"), [("Warn", "warned"), ("Audit", "audited")])
def test_vendor_that_does_not_enforce_lets_in(
    enforcement: str, result: str, licet: Callable, acme: VendorSimulator, write: Callable
) -> None:
    vendor = write("vendor.yaml", acme.vendor_manifest(enforcement=enforcement))
    answer = licet("check", "acme-platform", "2.4.1", "-n", "prod-eu", "--vendor", vendor)
    assert answer.code == 0
    assert answer.out.startswith(f"{result} (NoLicense): ")


def test_package_is_judged_with_the_charts_inside(licet: Callable, vendor: str, license_: str, write: Callable) -> None:
    inner = package("acme-platform", "3.1.0")
    dependencies = [{"name": "acme-platform", "version": "3.1.0", "repository": "https://charts.acme.example"}]
    outer = package("shop", "1.0.0", inside={"charts/acme-platform-3.1.0.tgz": inner}, dependencies=dependencies)
    files = ("--vendor", vendor, "--license", license_)
    answer = licet("check", write("shop-1.0.0.tgz", outer), "-n", "prod-eu", *files)
    assert answer.code == 1
    assert 'chart acme-platform 3.1.0 (release "shop"' in answer.out


def test_directory_is_judged_like_its_package(licet: Callable, vendor: str, license_: str, tmp_path: Any) -> None:
    chart = tmp_path / "shop"
    (chart / "charts" / "acme-platform").mkdir(parents=True)
    (chart / "templates").mkdir()
    (chart / "values.yaml").touch()
    (chart / "templates" / "big.bin").write_bytes(b"x")
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    inner = chart / "charts" / "acme-platform" / "Chart.yaml"
    for version, code in (("2.4.1", 0), ("3.1.0", 1)):
        inner.write_text(f"apiVersion: v2\nname: acme-platform\nversion: {version}\n")
        assert licet("check", "shop", "-n", "prod-eu", "--vendor", vendor, "--license", license_).code == code


def test_end_of_maintenance_is_judged_by_the_day_of_release(
    licet: Callable, acme: VendorSimulator, vendor: str, write: Callable
) -> None:
    files = ("--vendor", vendor, "--license", write("m.jwt", acme.token(maintenanceUntil="2026-06-30")))
    question = ("check", "acme-platform", "2.4.1", "-n", "prod-eu", *files)
    assert "ReleaseDateUnknown" in licet(*question).out
    assert licet(*question, "--released", "2026-06-30").code == 0
    assert licet(*question, "--released", "2026-07-01").code == 1
    annotated = package("acme-platform", "2.4.1", annotations={"licet.dev/released": "2026-06-30"})
    assert licet("check", write("a.tgz", annotated), "-n", "prod-eu", *files).code == 0


def test_answer_is_for_the_time_that_was_asked_for(licet: Callable, vendor: str, license_: str) -> None:
    question = ("check", "acme-platform", "2.4.1", "-n", "prod-eu", "--vendor", vendor, "--license", license_)
    assert licet(*question, "--at", "2026-12-31").code == 0
    assert licet(*question, "--at", "2027-01-01").code == 1


def test_license_is_narrowed_by_the_labels_of_the_namespace(
    licet: Callable, acme: VendorSimulator, vendor: str, write: Callable
) -> None:
    allowed = {"selector": {"matchLabels": {"team": "pay"}}}
    path = write("license.yaml", acme.license_manifest("acme-prod", acme.token(), allowedNamespaces=allowed))
    question = ("check", "acme-platform", "2.4.1", "-n", "prod-eu", "--vendor", vendor, "--license", path)
    assert licet(*question, "--namespace-labels", "env=prod, team=pay").code == 0
    answer = licet(*question, "--namespace-labels", "team=web")
    assert answer.code == 1
    assert "note: License acme-prod is not for namespace prod-eu" in answer.out


def test_namespace_has_the_label_of_its_name(
    licet: Callable, acme: VendorSimulator, vendor: str, write: Callable
) -> None:
    allowed = {"selector": {"matchLabels": {"kubernetes.io/metadata.name": "prod-eu"}}}
    path = write("license.yaml", acme.license_manifest("acme-prod", acme.token(), allowedNamespaces=allowed))
    for namespace, code in (("prod-eu", 0), ("dev", 1)):
        question = ("check", "acme-platform", "2.4.1", "-n", namespace, "--vendor", vendor, "--license", path)
        assert licet(*question).code == code


@pytest.mark.parametrize("labels", ["team", "=pay", "team=pay,web"])
def test_labels_that_are_none_are_wrong_usage(labels: str, licet: Callable, vendor: str) -> None:
    answer = licet("check", "x", "1.0.0", "-n", "a", "--vendor", vendor, "--namespace-labels", labels)
    assert answer.code == 2
    assert "KEY=VALUE" in answer.err


def test_binding_to_clusters_is_judged_or_told_of(
    licet: Callable, acme: VendorSimulator, vendor: str, write: Callable
) -> None:
    path = write("bound.jwt", acme.token(bindings={"clusters": [CLUSTER]}))
    question = ("check", "acme-platform", "2.4.1", "-n", "prod-eu", "--vendor", vendor, "--license", path)
    unnamed = licet(*question)
    assert unnamed.code == 0
    assert "note: License bound is bound to clusters; --cluster-uid" in unnamed.out
    assert licet(*question, "--cluster-uid", CLUSTER).code == 0
    assert licet(*question, "--cluster-uid", "another").code == 1


def test_manifests_that_issue_printed_are_a_license(
    licet: Callable, acme: VendorSimulator, vendor: str, write: Callable
) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "acme-license"}, "stringData": {"license.jwt": acme.token()}}
    license_ = acme.license_manifest("acme-prod", "")
    license_["spec"] = {"tokenFrom": {"secretKeyRef": {"name": "acme-license", "key": "license.jwt"}}}
    question = ("check", "acme-platform", "2.4.1", "-n", "prod-eu", "--vendor", vendor, "--license")
    assert licet(*question, write("with.yaml", license_, secret)).code == 0
    without = licet(*question, write("without.yaml", license_))
    assert without.code == 1
    assert "note: License acme-prod does not count (TokenUnavailable): " in without.out
    elsewhere = {**secret, "metadata": {"name": "acme-license", "namespace": "default"}}
    assert licet(*question, write("elsewhere.yaml", license_, elsewhere)).code == 1


def test_license_that_does_not_count_is_told_of(
    licet: Callable, acme: VendorSimulator, vendor: str, write: Callable
) -> None:
    path = write("forged.jwt", acme.forged_token())
    answer = licet("check", "acme-platform", "2.4.1", "-n", "prod-eu", "--vendor", vendor, "--license", path)
    assert answer.code == 1
    assert "note: License forged does not count (SignatureInvalid): " in answer.out


def test_operators_own_namespace_is_exempt_as_at_the_gate(licet: Callable, vendor: str) -> None:
    answer = licet("check", "acme-platform", "2.4.1", "-n", "licet-system", "--vendor", vendor)
    assert answer.code == 0
    assert "note: the gate judges no release in licet-system, where licet runs" in answer.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.tgz"], "'missing.tgz' is no file; to ask about a chart by its name, give the version as well"),
        (["garbage.tgz"], "is not a package of Helm's"),
        (["empty.tgz"], "is empty"),
        (["directory"], "has no Chart.yaml"),
    ],
)
def test_chart_that_is_none_gives_no_answer(
    arguments: list[str], said: str, licet: Callable, vendor: str, write: Callable, tmp_path: Any
) -> None:
    write("garbage.tgz", b"\x1f\x8bgarbage")
    write("empty.tgz", b"")
    (tmp_path / "directory").mkdir()
    answer = licet("check", *arguments, "-n", "prod-eu", "--vendor", vendor)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["acme.tgz", "2.4.1"], "'acme.tgz' is not the name of a chart; about a package or directory, ask without"),
        (["./acme-platform", "2.4.1"], "is not the name of a chart"),
        (["acme-platform", "latest"], "latest"),
        (["acme-platform", ">=2.0.0"], "2.0.0"),
        (["acme-platform", "2.4.1", "--released", "yesterday"], "'--released'"),
        (["acme.tgz", "--released", "2026-01-01"], "--released is for a NAME with a VERSION"),
    ],
)
def test_question_that_says_two_things_gives_no_answer(
    arguments: list[str], said: str, licet: Callable, vendor: str, write: Callable
) -> None:
    write("acme.tgz", package("acme-platform", "2.4.1"))
    answer = licet("check", *arguments, "-n", "prod-eu", "--vendor", vendor)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_licenses_without_a_vendor_give_no_answer(licet: Callable, license_: str) -> None:
    answer = licet("check", "acme-platform", "2.4.1", "-n", "prod-eu", "--license", license_)
    assert answer.code == 2
    assert "--vendor tells what needs a license" in answer.err


def test_same_name_twice_gives_no_answer(licet: Callable, vendor: str, license_: str) -> None:
    files = ("--vendor", vendor, "--license", license_, "--license", license_)
    answer = licet("check", "acme-platform", "2.4.1", "-n", "prod-eu", *files)
    assert answer.code == 2
    assert "License acme is given twice" in answer.err


def test_mistyped_restriction_is_not_passed_over(
    licet: Callable, acme: VendorSimulator, vendor: str, write: Callable
) -> None:
    manifest = acme.license_manifest("acme-prod", acme.token(), allowedNamespace={"names": ["prod-eu"]})
    path = write("license.yaml", manifest)
    answer = licet("check", "acme-platform", "2.4.1", "-n", "dev", "--vendor", vendor, "--license", path)
    assert answer.code == 2
    assert "allowedNamespace" in answer.err


def test_without_files_and_without_a_cluster_there_is_no_answer(licet: Callable) -> None:
    answer = licet("check", "acme-platform", "2.4.1", "-n", "prod-eu")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("licet: no cluster can be reached with ")
