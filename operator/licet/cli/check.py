"""`licet check`: the gate's verdict about a chart, before it is installed."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import click

from licet.cli.charts import chart_by_name, read_chart
from licet.cli.facts import Facts, describe_chart, facts_from_files, new_namespace
from licet.cli.files import FILE
from licet.cli.manifests import Manifests
from licet.cli.options import at_option, cluster_options, cluster_uid_option, labels_option, operator_namespace_option
from licet.cli.output import Format, emit, output_option, printable, tone
from licet.cli.program import Command, Example, ExitCode, examples
from licet.core.chartfile import subjects_of_chart
from licet.core.timestamps import format_instant, parse_date
from licet.core.verdict import ReleaseRef, Verdict, judge


@examples(
    Example("Ask the cluster about a package", "licet check acme-platform-3.1.0.tgz -n prod-eu"),
    Example(
        "Ask about a version by name, for a release that exists",
        "licet check acme-platform 3.1.0 -n prod-eu --release web",
    ),
    Example(
        "Ask without a cluster, before a license is shipped or a pipeline deploys",
        "licet check ./acme-platform -n prod-eu --vendor vendor.yaml --license acme.jwt",
    ),
    Example(
        "Ask whether a version could still be installed at a time",
        "licet check acme-platform 2.4.1 -n prod-eu --at 2027-02-01",
    ),
)
@click.command(cls=Command)
@click.argument("chart", type=FILE, metavar="CHART.tgz|DIR|NAME")
@click.argument("version", required=False)
@click.option("-n", "--namespace", required=True, metavar="NS", help="The namespace of the release.")
@click.option(
    "--release",
    metavar="NAME",
    help="The release; what it runs already may be deployed again.  [default: the chart's name]",
)
@click.option(
    "--released",
    metavar="DATE",
    callback=lambda _ctx, _param, value: _read_date(value),
    help="With a NAME: when the version was released; licenses with an end of maintenance ask for it.",
)
@click.option(
    "--vendor", "vendors", type=FILE, multiple=True, metavar="FILE", help="Vendors, in place of the cluster's."
)
@click.option(
    "--license",
    "licenses",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Licenses, in place of the cluster's: bare tokens, or manifests of Licenses and their Secrets.",
)
@labels_option
@cluster_uid_option
@at_option
@operator_namespace_option
@cluster_options
@output_option
def command(
    *,
    chart: str,
    version: str | None,
    namespace: str,
    release: str | None,
    released: str | None,
    vendors: tuple[str, ...],
    licenses: tuple[str, ...],
    namespace_labels: Mapping[str, str],
    cluster_uid: str | None,
    at: int,
    operator_namespace: str,
    kubeconfig: str | None,
    kube_context: str | None,
    output: Format | None,
) -> ExitCode:
    """The chart is a package, a directory, or a NAME with a VERSION; charts inside of it are judged as well.

    Which of them are installed is told by the values that the chart comes with. helm --dry-run can't answer, because it
    writes no release, which is what the gate judges.

    Without files the cluster is asked, with your credentials: they have to allow to read Vendors, Licenses and the
    Secrets of these, the ConfigMap licet-memory, the namespaces and its Installations. With --vendor and --license no
    cluster is needed.

    The exit code is 0 when the gate would let the chart in, also with a warning, and 1 when it would not.
    """
    if released and version is None:
        raise click.UsageError("--released is for a NAME with a VERSION; a package or directory tells it itself")
    asked = read_chart(chart) if version is None else chart_by_name(chart, version, released)
    name = release or asked.name
    if vendors or licenses:
        manifests = Manifests.read((*vendors, *licenses), operator_namespace=operator_namespace)
        place = new_namespace(namespace, namespace_labels)
        facts = facts_from_files(manifests, place, cluster_uid=cluster_uid, at=at)
    else:
        # What talks to clusters takes longer to import than a check of files runs.
        from licet.cli.live import ask, facts_from_cluster

        facts = ask(
            kubeconfig,
            kube_context,
            lambda api: facts_from_cluster(
                api, operator_namespace=operator_namespace, namespace=namespace, release=name, at=at
            ),
        )
    subjects = subjects_of_chart(asked, facts.registry)
    if namespace == operator_namespace:
        subjects, facts = (), replace(facts, notes=(f"the gate judges no release in {namespace}, where licet runs",))
    reference = ReleaseRef(name, (facts.namespace,))
    verdict = judge(subjects, reference, facts.registry, facts.assessment, facts.ran_here)
    if output is None:
        click.echo("\n".join(_lines(verdict, f"chart {asked.name} {asked.version} ({reference.where})", facts)))
    else:
        emit([_document(verdict, reference, facts, at)], output)
    return ExitCode.YES if verdict.permitted else ExitCode.NO


def _read_date(value: str | None) -> str | None:
    try:
        return value and str(parse_date(value))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _lines(verdict: Verdict, asked: str, facts: Facts) -> Iterator[str]:
    if not verdict.charts:
        yield f"{tone(verdict.result)} ({verdict.ground}): nothing in {printable(asked)} needs a license"
    for chart in verdict.charts:
        licensed = f"{chart.subject.name} {chart.subject.version} is licensed by License {chart.license}"
        yield f"{tone(chart.result)} ({chart.ground}): {printable(chart.explanation or licensed)}"
    for note in facts.notes:
        yield f"note: {printable(note)}"


def _document(verdict: Verdict, reference: ReleaseRef, facts: Facts, at: int) -> dict[str, object]:
    return {
        "permitted": verdict.permitted,
        "result": str(verdict.result),
        "reason": str(verdict.ground),
        "release": reference.name,
        "namespace": facts.namespace.name,
        "at": format_instant(at),
        "message": verdict.message,
        "warnings": list(verdict.warnings),
        "charts": [describe_chart(chart) for chart in verdict.charts],
        "notes": list(facts.notes),
    }
