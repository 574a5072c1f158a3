"""Installation: what of a protected product is installed, and what once ran licensed; the controller writes it."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints, computed_field
from pydantic.json_schema import SkipJsonSchema

from licet.core import bounds
from licet.resources.base import AGE, Column, Definition, Model, Resource, Scope, condition_column
from licet.resources.fields import Instant, Name, NamespaceName, ObjectName
from licet.resources.markers import ATOMIC_LIST
from licet.resources.meta import ConditionType, Status

_CHART_VERSIONS_LENGTH: Final = bounds.INSTALLATION_CHARTS * (bounds.GLOB_LENGTH + bounds.VERSION_LENGTH + 2)
_IMAGES_SHOWN: Final = 3
_IMAGE_VERSIONS_LENGTH: Final = _IMAGES_SHOWN * (2 * bounds.IMAGE_NAME_LENGTH + 2) + bounds.IMAGE_NAME_LENGTH

ChartName = Annotated[str, StringConstraints(min_length=1, max_length=bounds.GLOB_LENGTH)]
ChartVersion = Annotated[str, StringConstraints(min_length=1, max_length=bounds.VERSION_LENGTH)]


SourceName = Annotated[str, StringConstraints(min_length=1, max_length=bounds.SOURCE_NAME_LENGTH)]
ImageName = Annotated[str, StringConstraints(min_length=1, max_length=bounds.IMAGE_NAME_LENGTH)]


class SourceKind(StrEnum):
    """The tools that put things into the cluster; what none of them did goes by the kind of its own object."""

    RELEASE = "Release"
    HELM_RELEASE = "HelmRelease"
    APPLICATION = "Application"


RELEASE_KINDS: Final = frozenset({SourceKind.RELEASE, SourceKind.HELM_RELEASE})
"""Those that are releases of Helm: their Installations have the release's name, and remember its revisions."""


class Source(Model):
    """What put the charts and images into the cluster."""

    kind: Annotated[str, StringConstraints(max_length=bounds.NAME_LENGTH, pattern="^[A-Za-z][A-Za-z0-9]*$")] = Field(
        description="Release: a Helm release. HelmRelease: one that Flux made. Application: one of Argo CD. Otherwise "
        "the kind of the workload itself, such as Deployment, or of the object that controls it."
    )
    name: SourceName = Field(description="Its name; for a Helm release, that of helm list.")
    namespace: SourceName | None = Field(
        default=None, description="Its namespace, where that is known and is another than the Installation's."
    )


class InstalledChart(Model):
    """A protected chart as it is installed now."""

    name: ChartName = Field(description="The chart's name.")
    version: ChartVersion = Field(description="The chart's version.")
    vendor: ObjectName = Field(description="Name of the Vendor that claims the chart.")
    product: Name = Field(description="The vendor's product that the chart belongs to.")
    license: ObjectName | None = Field(
        default=None, description="Name of a License that covers it; absent where none does."
    )


class InstalledImage(Model):
    """A protected image that workloads have now."""

    repository: ImageName = Field(description="The repository with its registry, in full: docker.io/library/nginx.")
    tag: ImageName | None = Field(default=None, description="The tag; absent where there is only a digest.")
    digest: ImageName | None = Field(default=None, description="The digest, where the workload names one.")
    namespace: NamespaceName | None = Field(
        default=None, description="Where it runs, if that is another namespace than the Installation's."
    )
    vendor: ObjectName = Field(description="Name of the Vendor that claims the image.")
    product: Name = Field(description="The vendor's product that the image belongs to.")
    license: ObjectName | None = Field(
        default=None, description="Name of a License that covers it; absent where none does."
    )

    @property
    def short(self) -> str:
        """The image as tables show it: the last part of the repository with its tag, or digest."""
        version = f":{self.tag}" if self.tag else f"@{self.digest or ''}"
        return f"{self.repository.rpartition('/')[2]}{version}"


class PastChart(Model):
    """A protected chart that was installed, now or before."""

    chart: ChartName = Field(description="The chart's name.")
    version: ChartVersion = Field(description="The chart's version.")
    revision: Annotated[StrictInt, Field(ge=1)] = Field(
        description="The release's revision that brought it. Of what is not a release, a number in the order in which "
        "the versions were first seen."
    )
    licensed: StrictBool = Field(
        description="Whether a license covered it when it was first seen in a revision, or, of what is not a release, "
        "whenever it was seen; only then may the source go back to it without one."
    )


class InstallationStatus(Status):
    """What is installed, and what was."""

    source: Source | None = Field(default=None, description="What put the charts and images into the cluster.")
    charts: Annotated[tuple[InstalledChart, ...], Field(max_length=bounds.INSTALLATION_CHARTS), ATOMIC_LIST] = Field(
        default=(), description="The protected charts that are installed now."
    )
    images: Annotated[tuple[InstalledImage, ...], Field(max_length=bounds.INSTALLATION_IMAGES), ATOMIC_LIST] = Field(
        default=(),
        description="The protected images that its workloads have now, those without a license first where there are "
        "too many to list.",
    )
    first_seen: Instant | None = Field(default=None, description="When the controller first saw the source.")
    history: Annotated[tuple[PastChart, ...], Field(max_length=bounds.INSTALLATION_HISTORY), ATOMIC_LIST] = Field(
        default=(), description="The versions that were seen, by revision of the release or in the order seen."
    )

    @computed_field(description="The charts with their versions in one line, for the output of kubectl get.")
    def chart_versions(self) -> Annotated[str, Field(max_length=_CHART_VERSIONS_LENGTH)] | None:
        """The charts with their versions, joined; a printer column prints only the first match of a JSONPath."""
        return ",".join(f"{chart.name}-{chart.version}" for chart in self.charts) or None

    @computed_field(description="The first of the images in one line, for the output of kubectl get.")
    def image_versions(self) -> Annotated[str, Field(max_length=_IMAGE_VERSIONS_LENGTH)] | None:
        """The images, shortened, without repetitions."""
        names = list(dict.fromkeys(image.short for image in self.images))
        more = (f"and {len(names) - _IMAGES_SHOWN} more",) if len(names) > _IMAGES_SHOWN else ()
        return ",".join((*names[:_IMAGES_SHOWN], *more)) or None


class Installation(Resource):
    """Something with charts or images that need a license: what is installed, by which license, and what ran before."""

    definition: ClassVar[Definition] = Definition(
        kind="Installation",
        plural="installations",
        short_name="inst",
        scope=Scope.NAMESPACED,
        columns=(
            Column(name="Kind", path=".status.source.kind", description="What put it in."),
            Column(name="Source", path=".status.source.name", description="The name of what put it in."),
            Column(name="Charts", path=".status.chartVersions", description="The protected charts installed now."),
            Column(name="Images", path=".status.imageVersions", description="The protected images.", priority=1),
            condition_column("Licensed", ConditionType.LICENSED, "status", "Whether licenses cover all of them."),
            condition_column("Reason", ConditionType.LICENSED, "reason", "Why they do, or do not."),
            AGE,
        ),
    )

    kind: SkipJsonSchema[Literal["Installation"]] = "Installation"
    status: InstallationStatus | None = Field(
        default=None, description="What is installed, and what was; written by the controller only."
    )
