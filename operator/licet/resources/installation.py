"""Installation: what of a protected product is installed, and what once ran licensed; the controller writes it."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints, computed_field
from pydantic.json_schema import SkipJsonSchema

from licet.core import bounds
from licet.resources.base import AGE, Column, Definition, Model, Resource, Scope, condition_column
from licet.resources.fields import Instant, Name, ObjectName
from licet.resources.markers import ATOMIC_LIST
from licet.resources.meta import ConditionType, Status

_CHART_VERSIONS_LENGTH: Final = bounds.INSTALLATION_CHARTS * (bounds.GLOB_LENGTH + bounds.VERSION_LENGTH + 2)

ChartName = Annotated[str, StringConstraints(min_length=1, max_length=bounds.GLOB_LENGTH)]
ChartVersion = Annotated[str, StringConstraints(min_length=1, max_length=bounds.VERSION_LENGTH)]


class SourceKind(StrEnum):
    """What put something into the cluster."""

    RELEASE = "Release"


class Source(Model):
    """What put the charts into the cluster."""

    kind: SourceKind = Field(description="Release: a Helm release.")
    name: ObjectName = Field(description="Its name; for a Helm release, that of helm list.")


class InstalledChart(Model):
    """A protected chart as it is installed now."""

    name: ChartName = Field(description="The chart's name.")
    version: ChartVersion = Field(description="The chart's version.")
    vendor: ObjectName = Field(description="Name of the Vendor that claims the chart.")
    product: Name = Field(description="The vendor's product that the chart belongs to.")
    license: ObjectName | None = Field(
        default=None, description="Name of a License that covers it; absent where none does."
    )


class PastChart(Model):
    """A protected chart in one revision of the release."""

    chart: ChartName = Field(description="The chart's name.")
    version: ChartVersion = Field(description="The chart's version.")
    revision: Annotated[StrictInt, Field(ge=1)] = Field(description="The release's revision that brought it.")
    licensed: StrictBool = Field(
        description="Whether a license covered it when it was first seen; only then may the release go back to it "
        "without one."
    )


class InstallationStatus(Status):
    """What is installed, and what was."""

    source: Source | None = Field(default=None, description="What put the charts into the cluster.")
    charts: Annotated[tuple[InstalledChart, ...], Field(max_length=bounds.INSTALLATION_CHARTS), ATOMIC_LIST] = Field(
        default=(), description="The protected charts that are installed now."
    )
    first_seen: Instant | None = Field(default=None, description="When the controller first saw the source.")
    history: Annotated[tuple[PastChart, ...], Field(max_length=bounds.INSTALLATION_HISTORY), ATOMIC_LIST] = Field(
        default=(), description="The versions that were seen, by revision of the source."
    )

    @computed_field(description="The charts with their versions in one line, for the output of kubectl get.")
    def chart_versions(self) -> Annotated[str, Field(max_length=_CHART_VERSIONS_LENGTH)] | None:
        """The charts with their versions, joined; a printer column prints only the first match of a JSONPath."""
        return ",".join(f"{chart.name}-{chart.version}" for chart in self.charts) or None


class Installation(Resource):
    """A Helm release with charts that need a license: what is installed, by which license, and what ran before."""

    definition: ClassVar[Definition] = Definition(
        kind="Installation",
        plural="installations",
        short_name="inst",
        scope=Scope.NAMESPACED,
        columns=(
            Column(name="Kind", path=".status.source.kind", description="What put the charts in.", priority=1),
            Column(name="Source", path=".status.source.name", description="The name of what put the charts in."),
            Column(name="Charts", path=".status.chartVersions", description="The protected charts installed now."),
            condition_column("Licensed", ConditionType.LICENSED, "status", "Whether licenses cover all of them."),
            condition_column("Reason", ConditionType.LICENSED, "reason", "Why they do, or do not."),
            AGE,
        ),
    )

    kind: SkipJsonSchema[Literal["Installation"]] = "Installation"
    status: InstallationStatus | None = Field(
        default=None, description="What is installed, and what was; written by the controller only."
    )
