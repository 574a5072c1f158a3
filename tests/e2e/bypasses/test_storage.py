"""Releases that Helm keeps elsewhere, and release objects made or changed by hand."""

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.admission import release_config_map, release_secret
from support.attacks import LICENSED, UNLICENSED, Json, chart, image, refused_chart, refused_image
from support.empty_database import empty_database
from support.helm_releases import encode_release, release_document
from support.team import HELMS, Answer, Team


def helm(team: Team, variables: dict[str, str], *arguments: str) -> Answer:
    """Run helm with variables of its environment set."""
    return team.sandbox.run(team.helm_program, *arguments, "-n", team.namespace, variables=variables)


@pytest.mark.parametrize("helm_program", HELMS)
def test_release_kept_in_memory_installs_nothing(site: Team, tmp_path: Path) -> None:
    """Helm's program then has a client that only prints."""
    earlier = tmp_path / "releases.yaml"
    earlier.write_text("[]")
    in_memory = {"HELM_DRIVER": "memory", "HELM_MEMORY_DRIVER_DATA": str(earlier)}
    answer = helm(site, in_memory, "install", "web", str(chart(site, UNLICENSED)))
    assert answer.returncode == 0, answer.stderr
    assert site.names("deployment") | site.names("configmap") | site.names("secret") == set()


@pytest.mark.parametrize("helm_program", HELMS)
def test_release_kept_in_a_database_is_refused_by_its_image(site: Team) -> None:
    with empty_database() as connection:
        in_database = {"HELM_DRIVER": "sql", "HELM_DRIVER_SQL_CONNECTION_STRING": connection}
        assert refused_image(site, helm(site, in_database, "install", "web", str(chart(site, UNLICENSED))))
        answer = helm(site, in_database, "install", "two", str(chart(site, LICENSED)))
        assert answer.returncode == 0, answer.stderr
    assert site.names("deployment") == {"two"}
    assert site.names("secret") == set()


# -- made by hand ------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_revisions(site: Team) -> Team:
    for version in (LICENSED, "2.1.0"):
        answer = site.helm("upgrade", "--install", "web", str(chart(site, version)))
        assert answer.returncode == 0, answer.stderr
    site.eventually(lambda: site.running_versions() == ["2.1.0"], "the inventory has read both")
    return site


def rewrite(team: Team, revision: int, change: Callable[[Json], None]) -> None:
    """Change what a revision's Secret says, as anybody may who can write Secrets."""
    document = stored_release(team, revision)
    change(document)
    patch = json.dumps({"data": {"release": base64.b64encode(encode_release(document)).decode()}})
    team.kubectl("patch", "secret", f"sh.helm.release.v1.web.v{revision}", "-n", team.namespace, "-p", patch)


def stored_release(team: Team, revision: int) -> Json:
    """What Helm has stored of a revision."""
    stored = team.get("secret", f"sh.helm.release.v1.web.v{revision}")
    assert stored is not None
    document: Json = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(stored["data"]["release"]))))
    return document


def test_rollback_to_a_revision_that_was_rewritten_needs_a_license(two_revisions: Team) -> None:
    def raise_version(document: Json) -> None:
        document["chart"]["metadata"]["version"] = UNLICENSED
        document["manifest"] = document["manifest"].replace(f"api:{LICENSED}", f"api:{UNLICENSED}")

    rewrite(two_revisions, 1, raise_version)
    answer = two_revisions.helm("rollback", "web", "1")
    assert refused_chart(two_revisions, answer), answer.stderr
    assert running_image(two_revisions) == image(two_revisions, "2.1.0")


def test_rollback_to_a_revision_with_another_image_is_refused_by_the_image(two_revisions: Team) -> None:
    def replace_image(document: Json) -> None:
        document["manifest"] = document["manifest"].replace(f"api:{LICENSED}", f"api:{UNLICENSED}")

    rewrite(two_revisions, 1, replace_image)
    answer = two_revisions.helm("rollback", "web", "1")
    assert answer.returncode != 0
    assert f"licet: image {image(two_revisions, UNLICENSED)} (Deployment" in answer.stderr
    assert running_image(two_revisions) == image(two_revisions, "2.1.0")


def test_rewriting_the_revision_that_runs_changes_nothing_that_runs(two_revisions: Team) -> None:
    def raise_version(document: Json) -> None:
        document["chart"]["metadata"]["version"] = UNLICENSED

    rewrite(two_revisions, 2, raise_version)
    assert running_image(two_revisions) == image(two_revisions, "2.1.0")
    answer = two_revisions.helm("upgrade", "web", str(chart(two_revisions, UNLICENSED)))
    assert refused_chart(two_revisions, answer), answer.stderr


@pytest.mark.parametrize("disguise", [{"type": "Opaque"}, {"kind": "ConfigMap"}], ids=["type", "kind"])
def test_revision_made_by_hand_needs_a_license_whatever_it_is_called(two_revisions: Team, disguise: Json) -> None:
    """Helm finds its objects by name and labels, and goes back to any that it finds."""
    document = {**stored_release(two_revisions, 1), "version": 9}
    document["chart"]["metadata"]["version"] = UNLICENSED
    forged = release_secret(document)
    if disguise.get("kind") == "ConfigMap":
        del forged["type"]
        forged["data"] = {"release": encode_release(document).decode()}
    command = ("kubectl", "create", "-n", two_revisions.namespace, "-f-")
    answer = two_revisions.sandbox.run(*command, stdin=json.dumps(forged | disguise))
    assert refused_chart(two_revisions, answer), answer.stderr


def test_revision_that_got_its_payload_later_needs_a_license_to_go_back_to(two_revisions: Team) -> None:
    """Who only changes an object is not asked for a license; Helm is, as soon as it makes a revision of it."""
    document = {**stored_release(two_revisions, 1), "version": 9}
    document["chart"]["metadata"]["version"] = UNLICENSED
    document["info"]["status"] = "superseded"
    empty = release_secret(document, type="Opaque")
    data = empty.pop("data")
    two_revisions.kubectl("create", "-n", two_revisions.namespace, "-f-", stdin=json.dumps(empty))
    name = empty["metadata"]["name"]
    two_revisions.kubectl("patch", "secret", name, "-n", two_revisions.namespace, "-p", json.dumps({"data": data}))
    answer = two_revisions.helm("rollback", "web", "9")
    assert refused_chart(two_revisions, answer), answer.stderr


def test_record_of_what_runs_that_is_forged_is_seen_and_lets_no_image_in(site: Team) -> None:
    """Updates are not judged, and the gate lets in once more what is on record as running."""
    document = release_document(site.product, UNLICENSED, namespace=site.namespace, status="deployed")
    release = release_config_map(document, metadata={"name": "any"})
    labels = {"owner": "helm", "name": "web", "version": "1", "status": "deployed"}
    site.kubectl("create", "configmap", "any", "-n", site.namespace)
    patch = json.dumps({"metadata": {"labels": labels}, "data": release["data"]})
    site.kubectl("patch", "configmap", "any", "-n", site.namespace, "-p", patch)
    site.eventually(site.installation_is("False"), "the inventory tells of it", 30)

    answer = site.helm("install", "web", str(chart(site, UNLICENSED)))

    assert "It is admitted because this version runs here" in answer.stderr
    assert refused_image(site, answer), answer.stderr


def running_image(team: Team) -> str:
    deployment = team.get("deployment", "web")
    assert deployment is not None
    found: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return found
