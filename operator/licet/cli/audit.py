"""`licet audit`: what is installed of licensed products under which license, and what is not licensed."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from typing import Final

import click

from licet.cli.auditing import Audit, read_audit
from licet.cli.breakglass import describe_break_glass
from licet.cli.inventory import Entry, Total, totals
from licet.cli.live import ask
from licet.cli.options import cluster_options, operator_namespace_option
from licet.cli.output import Format, emit, output_or_csv_option, printable, render_csv, table
from licet.cli.program import Command, Example, ExitCode, complain, examples
from licet.cli.status import object_table
from licet.cluster.resource import BREAK_GLASSES
from licet.core.timestamps import format_instant

_SCHEMA_VERSION: Final = 1
_COLUMNS: Final = (
    "cluster",
    "time",
    "namespace",
    "sourceKind",
    "sourceNamespace",
    "sourceName",
    "type",
    "name",
    "version",
    "digest",
    "vendor",
    "product",
    "license",
    "licensed",
    "reason",
    "since",
    "firstSeen",
    "recorded",
    "judged",
    "installationNamespace",
    "installationName",
    "message",
)


@examples(
    Example("See what is installed, and what has no license", "licet audit"),
    Example("See only what is wrong in a namespace", "licet audit -n prod-eu --findings-only"),
    Example("Report to a vendor what is in use of its products", "licet audit --vendor acme -o csv > true-up.csv"),
    Example("Fail a nightly job when something is not licensed", "licet audit --findings-only || notify"),
    Example("Name the namespaces with findings", "licet audit --findings-only -o json | jq -r '.entries[].namespace'"),
)
@click.command(cls=Command)
@click.option("-n", "--namespace", metavar="NS", help="Only this namespace.  [default: all]")
@click.option("--vendor", metavar="NAME", help="Only what this Vendor claims.")
@click.option("--findings-only", is_flag=True, help="List only what is not licensed.")
@operator_namespace_option
@cluster_options
@output_or_csv_option
def command(
    *,
    namespace: str | None,
    vendor: str | None,
    findings_only: bool,
    operator_namespace: str,
    kubeconfig: str | None,
    kube_context: str | None,
    output: Format | None,
) -> ExitCode:
    """Listed are the charts and images that need a license, by what put them in, with the License that covers each.

    It rests on the Installations, which only the controller writes. Where your rights allow to read the Secrets of
    Licenses and the ConfigMap licet-memory, all licenses are verified here once more, and whatever they say otherwise
    than the controller did is not taken for licensed. Below stand the BreakGlasses, open or over. The notes at the end
    say how far the answer can be relied on.

    The exit code is 0 when all is licensed, 1 when something is not, and 2 when that can't be told.
    """
    at = int(time.time())
    found = ask(
        kubeconfig,
        kube_context,
        lambda api: read_audit(api, operator_namespace=operator_namespace, namespace=namespace, vendor=vendor, at=at),
    )
    findings = [entry for entry in found.entries if not entry.licensed]
    listed, sums = findings if findings_only else found.entries, totals(found.entries)
    if output is Format.CSV:
        click.echo(_csv(found, at, listed).encode(), nl=False)
        for note in found.notes:
            complain(f"note: {printable(note)}")
    elif output is not None:
        emit([_document(found, at, sums, listed)], output)
    else:
        click.echo("\n".join(_lines(found, sums, listed, findings)))
    return ExitCode.NO if findings else ExitCode.YES


# -- writing -----------------------------------------------------------------------------------------------------------


def _lines(found: Audit, sums: Sequence[Total], listed: Sequence[Entry], findings: Sequence[Entry]) -> Iterator[str]:
    yield click.style("Installed", bold=True)
    yield _table(listed) if listed else "none"
    if sums:
        yield f"\n{click.style('Totals', bold=True)}"
        headers = ("VENDOR", "PRODUCT", "LICENSE", "INSTALLATIONS", "CHARTS", "IMAGES", "FINDINGS")
        yield table(headers, [["" if value is None else value for value in astuple(each)] for each in sums])
    yield f"\n{click.style('Findings', bold=True)}"
    yield from finding_lines(findings) or ["none"]
    if found.break_glasses:
        yield f"\n{click.style('Break-glass', bold=True)}\n{object_table(BREAK_GLASSES, found.break_glasses)}"
    yield from (f"\nnote: {printable(note)}" for note in found.notes)


def finding_lines(findings: Iterable[Entry]) -> list[str]:
    """Say what is not licensed, and what to do: once for all of an Installation that have the same to say."""
    lines: dict[str, None] = {}
    for entry in findings:
        since = f", since {format_instant(entry.since)}" if entry.since is not None else ""
        place = "/".join(entry.installation)
        lines[f"Installation {printable(f'{place} ({entry.reason}{since}): {entry.message}')}"] = None
    return list(lines)


def _table(entries: Sequence[Entry]) -> str:
    return table(
        ("NAMESPACE", "SOURCE", "VENDOR", "PRODUCT", "ITEM", "VERSION", "LICENSED", "REASON", "LICENSE"),
        [
            (
                entry.namespace,
                f"{entry.source[0]}/{entry.source[2]}",
                entry.vendor,
                entry.product,
                f"{entry.type} {entry.name}",
                entry.version or entry.digest or "",
                "yes" if entry.licensed else "no",
                entry.reason,
                entry.license or "",
            )
            for entry in entries
        ],
    )


def _document(found: Audit, at: int, sums: Sequence[Total], listed: Sequence[Entry]) -> dict[str, object]:
    return {
        "schemaVersion": _SCHEMA_VERSION,
        "cluster": found.cluster,
        "time": format_instant(at),
        "totals": [asdict(each) for each in sums],
        "entries": [_describe(entry) for entry in listed],
        "breakGlasses": [describe_break_glass(each) for each in found.break_glasses],
        "notes": list(found.notes),
    }


def _describe(entry: Entry) -> dict[str, object]:
    """Write an entry for programs; a column of CSV has the same name, or that of the object and the member's."""
    kind, source_namespace, source = entry.source
    return {
        "namespace": entry.namespace,
        "installation": dict(zip(("namespace", "name"), entry.installation, strict=True)),
        "source": {"kind": kind, "namespace": source_namespace, "name": source},
        "type": str(entry.type),
        "name": entry.name,
        "version": entry.version,
        "digest": entry.digest,
        "vendor": entry.vendor or None,
        "product": entry.product or None,
        "license": entry.license,
        "licensed": entry.licensed,
        "recorded": entry.recorded,
        "judged": entry.judged,
        "reason": entry.reason,
        "message": entry.message,
        "since": _instant(entry.since),
        "firstSeen": _instant(entry.first_seen),
    }


def _csv(found: Audit, at: int, listed: Sequence[Entry]) -> str:
    rows = [{"cluster": found.cluster, "time": format_instant(at), **_flat(_describe(entry))} for entry in listed]
    return render_csv(_COLUMNS, ([row[column] for column in _COLUMNS] for row in rows))


def _flat(document: Mapping[str, object]) -> dict[str, object]:
    """Write the members of members under joined names, such as `sourceKind`, and booleans as JSON has them."""
    row: dict[str, object] = {}
    for name, value in document.items():
        members = (
            {f"{name}{inner.capitalize()}": each for inner, each in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
        row |= {key: str(each).lower() if isinstance(each, bool) else each for key, each in members.items()}
    return row


def _instant(at: int | None) -> str | None:
    return format_instant(at) if at is not None else None
