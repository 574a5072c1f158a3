"""What objects of GitOps tools ask to have installed, and how that is judged before anything is.

A HelmRelease of Flux and an Application of Argo CD name a chart, a version or a range of versions, and a place. That is
judged by the rules for releases (`licet.core.verdict`), with what an object leaves open read in its favour, since what
comes of it is judged once more, as a release or as workloads:

- A range is licensed where some version in it is. Which one it comes to be, the release tells.
- When a version was released no object tells, so the end of maintenance is left to the release.
- What names no version, or takes a chart from a place that does not tell its name, is not judged at all.
- An update is judged for what it adds: what the object asked for before, in the same place, it may go on asking for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from licet.core.charts import is_chart_name, pinned_version, read_version, read_versions
from licet.core.semver import Constraint
from licet.core.subjects import Claims, Origin, Subject
from licet.core.verdict import RanHere, Verdict, decisive


@dataclass(frozen=True, slots=True)
class RequestedChart:
    """A chart that is to be installed."""

    name: str
    versions: str
    """A version or a range, in the syntax of Helm's `--version`."""

    @classmethod
    def at(cls, path: str, versions: str) -> "RequestedChart | None":
        """Give the chart that a repository keeps at a path: its name is the last segment, as Helm packages charts.

        None where the name is none that Helm allows, or `versions` is something else, such as the tag `latest`: then
        nothing tells what is going to be installed.
        """
        name = path.rstrip("/").rpartition("/")[2]
        return cls(name, versions) if is_chart_name(name) and read_versions(versions) else None


@dataclass(frozen=True, slots=True)
class InstallRequest:
    """What an object asks to have installed in one place, as one release."""

    described: str
    """The object as messages name it: `HelmRelease "web"`."""
    release: str
    """The name that the release is to have."""
    namespaces: tuple[str, ...]
    """All that the release is to name: where its objects go, and where Helm keeps it."""
    charts: tuple[RequestedChart, ...]

    @property
    def place(self) -> tuple[str, tuple[str, ...]]:
        """Where the charts are to be: the name of the release, and its namespaces."""
        return self.release, self.namespaces


def added(asked: Iterable[InstallRequest], earlier: Iterable[InstallRequest]) -> tuple[InstallRequest, ...]:
    """Give what an object asks for that it did not ask for earlier in the same place, without requests for nothing."""
    known: dict[tuple[str, tuple[str, ...]], set[RequestedChart]] = {}
    for each in earlier:
        known.setdefault(each.place, set()).update(each.charts)
    new = (
        replace(each, charts=tuple(chart for chart in each.charts if chart not in known.get(each.place, ())))
        for each in asked
    )
    return tuple(each for each in new if each.charts)


def find_requested(request: InstallRequest, claims: Claims) -> tuple[Subject, ...]:
    """Find the protected charts among those that are to be installed."""
    charts = dict.fromkeys(request.charts)
    return tuple(
        Subject(chart.name, pinned_version(chart.versions) or chart.versions, claim, None, Origin.REQUEST)
        for chart in charts
        if (claim := claims.claim_for_chart(chart.name))
    )


def recalled(ran_here: RanHere, subjects: Iterable[Subject]) -> RanHere:
    """Give what an Installation remembers in the words of a request: a range ran here where a version in it did."""
    asked = [(subject.name, subject.version or "") for subject in subjects]

    def matching(remembered: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        return frozenset(
            (name, versions)
            for name, versions in asked
            if any(name == chart and _includes(versions, version) for chart, version in remembered)
        )

    return RanHere(running=matching(ran_here.running), licensed=matching(ran_here.licensed))


def unite(verdicts: Sequence[Verdict]) -> Verdict:
    """Make one verdict of those, at least one, on everything that an object asks for."""
    charts = tuple(chart for verdict in verdicts for chart in verdict.charts)
    if not charts:
        return verdicts[0]
    first = decisive(charts)
    return Verdict(
        result=first.result,
        ground=first.ground,
        charts=charts,
        message=" ".join(verdict.message for verdict in verdicts if verdict.message),
        warnings=tuple(warning for verdict in verdicts for warning in verdict.warnings),
    )


def _includes(versions: str, version: str) -> bool:
    asked, found = read_versions(versions), read_version(version)
    if found is None:
        return False
    return asked.matches(found) if isinstance(asked, Constraint) else asked == found
