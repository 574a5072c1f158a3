"""`licet explain`: why what is installed is licensed, or is not."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from licet.cli.facts import Facts, describe_chart
from licet.cli.live import ClusterError, ask, describe_refusal, facts_from_cluster, get_object
from licet.cli.options import at_option, cluster_options, operator_namespace_option
from licet.cli.output import Format, emit, output_option, printable, table
from licet.cli.program import Command, Example, Group, examples
from licet.cluster.api import KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.releases import list_revisions, read_payload
from licet.cluster.resource import INSTALLATIONS
from licet.controller.releases import Releases, Revision
from licet.core.claims import Grant
from licet.core.errors import ReleaseError
from licet.core.evaluate import contributions
from licet.core.reasons import State
from licet.core.release import Release, Storage, decode_release
from licet.core.subjects import Origin, Subject, find_subjects
from licet.core.timestamps import format_instant
from licet.core.vendors import ProductClaim
from licet.core.verdict import ChartVerdict, RanHere, ReleaseRef, judge


@click.group(cls=Group)
def command() -> None:
    """An explanation shows what is there, what licenses say about it, and what they would admit."""


@examples(
    Example("Find out why a release is or isn't licensed", "licet explain release web -n prod-eu"),
    Example("List the versions that it may go back to", "licet explain release web -n prod-eu -o json | jq .history"),
)
@click.command(cls=Command, short_help="Explain what licenses say about a Helm release")
@click.argument("name")
@click.option("-n", "--namespace", required=True, metavar="NS", help="The namespace of the release.")
@at_option
@operator_namespace_option
@cluster_options
@output_option
def release(
    *,
    name: str,
    namespace: str,
    at: int,
    operator_namespace: str,
    kubeconfig: str | None,
    kube_context: str | None,
    output: Format | None,
) -> None:
    """NAME is that of helm list. Shown are the charts of the release that need a license, and why they have one or not.

    Below stand the versions that ran here before, of which those may come back that were licensed, and what the
    licenses of this namespace cover.

    It reads what licet check reads, and the release itself; where you may not, it goes by the inventory.
    """
    found = ask(
        kubeconfig,
        kube_context,
        lambda api: _read(api, operator_namespace=operator_namespace, namespace=namespace, name=name, at=at),
    )
    if output is None:
        click.echo("\n".join(_lines(found)))
    else:
        emit([_document(found)], output)


command.add_command(release)


@dataclass(frozen=True, slots=True)
class _Found:
    """A release, and everything that tells of it."""

    name: str
    namespace: str
    running: tuple[Revision, ...]  # of each storage that Helm has one in, where the caller may read them
    charts: tuple[ChartVerdict, ...]  # as judged for this namespace, without what is remembered
    history: Sequence[Mapping[str, Any]]  # of the Installation
    covered: tuple[Mapping[str, str | None], ...]  # by the licenses that this namespace has of these products
    notes: tuple[str, ...]


async def _read(api: KubeApi, *, operator_namespace: str, namespace: str, name: str, at: int) -> _Found:
    path = INSTALLATIONS.path(namespace, name)  # first: it refuses what can't be a name
    facts, installation, (running, problem) = await asyncio.gather(
        facts_from_cluster(api, operator_namespace=operator_namespace, namespace=namespace, release=name, at=at),
        get_object(api, path),
        _read_running(api, namespace, name),
    )
    if installation is None and not running:
        raise ClusterError(problem or f"there is no Helm release {name!r} in namespace {namespace!r}")
    status = (installation or {}).get("status") or {}
    found = dict.fromkeys(subject for each in running for subject in find_subjects(each.release, facts.registry))
    subjects = tuple(found if running else _listed(status))
    reference = ReleaseRef(name, (facts.namespace,))
    begun = max((each.revision.created for each in running), default=None)
    emergency = facts.emergency if begun is None else facts.emergency.when(begun)
    claims = dict.fromkeys((subject.claim.vendor, subject.claim.product) for subject in subjects)
    return _Found(
        name=name,
        namespace=namespace,
        running=tuple(each.revision for each in running),
        charts=judge(subjects, reference, facts.registry, facts.assessment, RanHere(), emergency).charts,
        history=status.get("history") or (),
        covered=tuple(entry for claim in claims for entry in _covered(facts, *claim)),
        notes=(*([problem] if problem else []), *facts.notes),
    )


@dataclass(frozen=True, slots=True)
class _Running:
    revision: Revision
    release: Release


async def _read_running(api: KubeApi, namespace: str, name: str) -> tuple[list[_Running], str]:
    """Read what runs of a release; nothing, and perhaps the reason, where there is nothing that can be read."""
    releases = Releases()
    try:
        for storage, obj in await list_revisions(api, namespace, name):
            releases.set(namespace, None, Revision.read(storage, obj))
        return [
            _Running(each, decode_release(await read_payload(api, each.storage, namespace, each.object_name)))
            for each in releases.running((namespace, name))
        ], ""
    except ApiError as error:
        if not error.is_forbidden:
            raise
        return [], f"what the inventory has is shown: {describe_refusal(error)}"
    except ReleaseError as error:
        return [], f"what the inventory has is shown: the release can't be read: {error}"


def _listed(status: Mapping[str, Any]) -> Iterator[Subject]:
    """Give the charts that an Installation lists; when they were released it does not say."""
    for chart in status.get("charts") or ():
        claim = ProductClaim(chart["vendor"], chart["product"])
        yield Subject(chart["name"], chart["version"], claim, None, Origin.ROOT)


def _covered(facts: Facts, vendor: str, product: str) -> Iterator[Mapping[str, str | None]]:
    """List what the licenses in force cover, of one product in the namespace."""
    for part in contributions(facts.assessment, vendor, product, (facts.namespace,)):
        if part.license.phase is State.EXPIRED:
            continue
        for chart, versions in _chart_entries(part.grant):
            yield {
                "license": part.license.licenses[0],
                "product": product,
                "plan": part.grant.plan,
                "chart": chart,
                "versions": versions,
                "maintenanceUntil": str(part.grant.maintenance_until) if part.grant.maintenance_until else None,
                "until": format_instant(part.license.token.claims.grace_until),
            }


def _chart_entries(grant: Grant) -> list[tuple[str, str]]:
    if grant.charts is None:
        return [("*", "every version")]
    return [(entry.name.text, entry.versions_text) for entry in grant.charts]


def _lines(found: _Found) -> Iterator[str]:
    where = f"Release {found.name} in namespace {found.namespace}"
    yield printable(", ".join((where, *map(_describe_revision, found.running))))
    if found.charts:
        yield "\n" + table(
            ("CHART", "VERSION", "PRODUCT", "LICENSED", "REASON", "LICENSE"), [_row(chart) for chart in found.charts]
        )
    else:
        yield "\nNothing in it needs a license."
    yield from (f"\n{printable(chart.explanation)}" for chart in found.charts if chart.explanation)
    if found.history:
        yield "\nWhat ran here; a version that ran licensed may come back, whatever has become of the license:"
        yield table(
            ("REVISION", "CHART", "VERSION", "LICENSED"),
            [(each["revision"], each["chart"], each["version"], _yes_no(each["licensed"])) for each in found.history],
        )
    if found.covered:
        columns = ("license", "plan", "chart", "versions", "maintenanceUntil", "until")
        yield "\nWhat the licenses of this namespace cover:"
        yield table(
            ("LICENSE", "PLAN", "CHART", "VERSIONS", "MAINTAINED-UNTIL", "UNTIL"),
            [[entry[column] or "" for column in columns] for entry in found.covered],
        )
    yield from (f"\nnote: {printable(note)}" for note in found.notes)


def _describe_revision(revision: Revision) -> str:
    stored = "" if revision.storage is Storage.SECRET else f", in a {revision.storage}"  # Secrets are Helm's default
    return f"revision {revision.number} ({revision.status}{stored})"


def _row(chart: ChartVerdict) -> tuple[str, ...]:
    subject, licensed = chart.subject, _yes_no(chart.licensed)
    return subject.name, subject.version or "unknown", subject.claim.product, licensed, chart.ground, chart.license


def _yes_no(holds: bool) -> str:
    return "yes" if holds else "no"


def _document(found: _Found) -> dict[str, object]:
    return {
        "release": found.name,
        "namespace": found.namespace,
        "revision": found.running[0].number if found.running else None,
        "charts": [describe_chart(chart) for chart in found.charts],
        "history": list(found.history),
        "covered": list(found.covered),
        "notes": list(found.notes),
    }
