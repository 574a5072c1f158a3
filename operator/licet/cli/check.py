"""`licet check`: the verdict about a chart or about workloads, before they are installed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import click

from licet.cli.authority import Authority
from licet.cli.charts import chart_by_name, read_chart
from licet.cli.facts import Facts, describe_chart
from licet.cli.files import FILE
from licet.cli.manifests import Manifests
from licet.cli.options import at_option, cluster_options, cluster_uid_option, labels_option, operator_namespace_option
from licet.cli.output import Format, emit, output_option, printable, tone
from licet.cli.program import Command, Example, ExitCode, examples
from licet.cli.workloads import Workload, decide, read_workloads
from licet.core.chartfile import subjects_of_chart
from licet.core.charts import Chart
from licet.core.images import ImageReference
from licet.core.timestamps import format_instant, parse_date
from licet.core.verdict import Ground, ReleaseRef, Result, Verdict, judge
from licet.core.workload_reasons import WorkloadDecision
from licet.core.workloads import LabelledChart

_WARNING: Final = frozenset({Result.ALLOWED, Result.WARNED})  # with something to say


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
    Example("Ask about what a chart is rendered to", "helm template web ./acme-platform | licet check -n prod-eu -f -"),
    Example("Ask about an image", "licet check -n prod-eu --image registry.acme.example/platform/api:2.4.1"),
)
@click.command(cls=Command)
@click.argument("chart", type=FILE, required=False, metavar="[CHART.tgz|DIR|NAME]")
@click.argument("version", required=False)
@click.option(
    "-n",
    "--namespace",
    required=True,
    metavar="NS",
    help="The namespace of the release, or of workloads that name none.",
)
@click.option(
    "-f",
    "--filename",
    "filenames",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Manifests, in place of a chart: their workloads are judged as the API server's admission policies would.",
)
@click.option("--image", "images", multiple=True, metavar="REF", help="An image, in place of a chart.")
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
    chart: str | None,
    version: str | None,
    namespace: str,
    filenames: tuple[str, ...],
    images: tuple[str, ...],
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

    With -f or --image it is about workloads, as kubectl apply or Argo CD bring them in. Their images and chart labels
    are judged; what in the files is no workload is passed over.

    Without --vendor and --license the cluster is asked, with your credentials: they have to allow to read Vendors,
    Licenses and the Secrets of these, BreakGlasses, the ConfigMap licet-memory, the namespace, and its Installations,
    or for workloads the WorkloadPolicies.

    The exit code is 0 when everything would be let in, also with a warning, and 1 when something would not.
    """
    authority = Authority(
        manifests=Manifests.read((*vendors, *licenses), operator_namespace=operator_namespace)
        if vendors or licenses
        else None,
        namespace_labels=namespace_labels,
        cluster_uid=cluster_uid,
        operator_namespace=operator_namespace,
        kubeconfig=kubeconfig,
        kube_context=kube_context,
        at=at,
    )
    if filenames or images:
        if chart is not None or release or released:
            raise click.UsageError("--filename and --image take the place of a chart and its release; ask one by one")
        found = read_workloads(filenames, namespace)
        lone = tuple(Workload("", "", namespace, (image,)) for image in images)
        return _check_workloads((*found.workloads, *lone), found.requests, authority, output)
    if chart is None:
        raise click.UsageError("what is to be checked? Name a chart, or manifests by --filename, or an --image")
    if released and version is None:
        raise click.UsageError("--released is for a NAME with a VERSION; a package or directory tells it itself")
    asked = read_chart(chart) if version is None else chart_by_name(chart, version, released)
    return _check_chart(asked, release or asked.name, namespace, authority, output)


# -- charts ------------------------------------------------------------------------------------------------------------


def _check_chart(asked: Chart, release: str, namespace: str, authority: Authority, output: Format | None) -> ExitCode:
    facts = authority.facts(namespace, release)
    subjects = subjects_of_chart(asked, facts.registry)
    if namespace == authority.operator_namespace:
        subjects, facts = (), replace(facts, notes=(f"the gate judges no release in {namespace}, where licet runs",))
    reference = ReleaseRef(release, (facts.namespace,))
    verdict = judge(subjects, reference, facts.registry, facts.assessment, facts.ran_here, facts.emergency)
    if output is None:
        click.echo("\n".join(_lines(verdict, f"chart {asked.name} {asked.version} ({reference.where})", facts)))
    else:
        emit([_document(verdict, reference, facts, authority.at)], output)
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


# -- workloads ---------------------------------------------------------------------------------------------------------


def _check_workloads(
    workloads: Sequence[Workload], requests: Sequence[str], authority: Authority, output: Format | None
) -> ExitCode:
    facts = authority.workload_facts(sorted({workload.namespace for workload in workloads}))
    decisions = tuple(decide(workloads, facts))
    exempt = sorted({workload.namespace for workload in workloads} & facts.exempt)
    notes = [*facts.notes, *_notes_about(decisions)]
    notes += [f"the API server judges no workload in namespace {namespace}" for namespace in exempt]
    elsewhere = "is not judged here, but by the gate, which kubectl apply --dry-run=server asks"
    notes += [f"{each} {elsewhere}" for each in requests]
    result = max((each.result for _, each in decisions), key=list(Result).index, default=Result.ALLOWED)
    if output is None:
        lines = [
            f"{tone(each.result)} ({each.ground}): {printable(_sentence(where, each))}" for where, each in decisions
        ]
        if not lines:
            found = f"nothing in {_count(workloads)} needs a license" if workloads else "there is no workload to judge"
            lines.append(f"{tone(result)} ({Ground.NOT_PROTECTED}): {found}")
        click.echo("\n".join([*lines, *(f"note: {printable(note)}" for note in notes)]))
    else:
        emit([_workloads_document(decisions, result, notes, authority.at)], output)
    return ExitCode.NO if result is Result.DENIED else ExitCode.YES


def _sentence(workload: Workload, decision: WorkloadDecision) -> str:
    verdict = decision.verdict
    return decision.explanation or f"{verdict.subject} ({workload.where}) is licensed by License {verdict.license}"


def _count(workloads: Sequence[Workload]) -> str:
    images = sum(not workload.kind for workload in workloads)
    counts = {"workload": len(workloads) - images, "image": images}
    named = [f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items() if count]
    return " and ".join(named)


def _notes_about(decisions: Sequence[tuple[Workload, WorkloadDecision]]) -> Iterator[str]:
    for subject in dict.fromkeys(each.verdict.subject for _, each in decisions if each.verdict.ignores_digest):
        yield f"{subject} is judged by its tag, while its digest is what runs"


def _workloads_document(
    decisions: Sequence[tuple[Workload, WorkloadDecision]], result: Result, notes: Sequence[str], at: int
) -> dict[str, object]:
    decisive = [each for _, each in decisions if each.result is result]
    return {
        "permitted": result is not Result.DENIED,
        "result": str(result),
        "reason": str(decisive[0].ground if decisive else Ground.NOT_PROTECTED),
        "at": format_instant(at),
        "message": " ".join(each.explanation for each in decisive if result is Result.DENIED),
        "warnings": [each.explanation for _, each in decisions if each.explanation and each.result in _WARNING],
        "workloads": [_describe(*pair) for pair in decisions],
        "notes": list(notes),
    }


def _describe(workload: Workload, decision: WorkloadDecision) -> dict[str, object]:
    verdict = decision.verdict
    chart = verdict.item if isinstance(verdict.item, LabelledChart) else None
    return {
        "kind": workload.kind or None,
        "name": workload.name or None,
        "namespace": workload.namespace,
        "image": verdict.item.text if isinstance(verdict.item, ImageReference) else None,
        "chart": chart.name if chart else None,
        "version": chart.version if chart else None,
        "vendor": verdict.claim.vendor,
        "product": verdict.claim.product,
        "result": str(decision.result),
        "reason": str(decision.ground),
        "license": verdict.license,
        "explanation": decision.explanation,
    }
