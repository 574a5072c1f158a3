"""BreakGlass: lets one Helm release in without a license, in an emergency, for a while, and on record."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StrictInt, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from licet.core import bounds
from licet.resources.base import AGE, Column, Definition, Model, Resource, Scope, condition_column
from licet.resources.fields import Instant, NamespaceName, ObjectName
from licet.resources.installation import ChartName, ChartVersion
from licet.resources.markers import ATOMIC_LIST, Rule
from licet.resources.meta import ConditionType, Status

_REASON_MIN, _REASON_MAX = bounds.BREAK_GLASS_REASON
_HOURS: Final = bounds.BREAK_GLASS_SECONDS // 3600


class ReleaseName(Model):
    """A Helm release."""

    namespace: NamespaceName = Field(description="Its namespace, that of helm list.")
    name: ObjectName = Field(description="Its name, that of helm list.")


class ChartInVersion(Model):
    """A chart in a version."""

    name: ChartName = Field(description="The chart's name.")
    version: ChartVersion = Field(description="The chart's version, as the chart itself writes it.")


class BreakGlassSpec(Model):
    """What is let in, until when, and who says so; it can't be changed."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self == oldSelf", "a BreakGlass can't be changed; delete it, and create another"),
    )

    release: ReleaseName = Field(description="The release that is let in. It need not exist yet.")
    charts: (
        Annotated[tuple[ChartInVersion, ...], Field(min_length=1, max_length=bounds.BREAK_GLASS_CHARTS), ATOMIC_LIST]
        | None
    ) = Field(
        default=None,
        description="Narrows it to these of the release's charts that need a license; without it, all of them may come "
        "in, in any version.",
    )
    reason: Annotated[str, StringConstraints(min_length=_REASON_MIN, max_length=_REASON_MAX)] = Field(
        description=f"Why, for those who ask later: {_REASON_MIN} to {_REASON_MAX} characters."
    )
    requested_by: Annotated[str, StringConstraints(min_length=1, max_length=bounds.USER_NAME_LENGTH)] = Field(
        description="Who opens it: the user name under which it is created, as kubectl auth whoami shows it."
    )
    until: Instant = Field(
        description=f"When it ends, at most {_HOURS} hours after its creation; to end it before, delete it."
    )


class BreakGlassUse(Model):
    """A revision of the release that came in."""

    revision: Annotated[StrictInt, Field(ge=1)] = Field(description="The release's revision.")
    charts: Annotated[tuple[ChartInVersion, ...], Field(max_length=bounds.INSTALLATION_CHARTS), ATOMIC_LIST] = Field(
        description="The charts of it that no license covered."
    )
    at: Instant = Field(description="When Helm began it.")


class BreakGlassStatus(Status):
    """Whether it is open, and what came in."""

    ends: Instant | None = Field(
        default=None, description=f"When it ends: spec.until, or {_HOURS} hours after its creation if that is earlier."
    )
    uses: Annotated[tuple[BreakGlassUse, ...], Field(max_length=bounds.BREAK_GLASS_USES), ATOMIC_LIST] = Field(
        default=(), description="The latest revisions of the release that began, unlicensed, while it was open."
    )
    use_count: Annotated[StrictInt, Field(ge=0)] = Field(default=0, description="How many there were.")


class BreakGlass(Resource):
    """An emergency in which one Helm release is let in without a license, for some hours, and on record."""

    definition: ClassVar[Definition] = Definition(
        kind="BreakGlass",
        plural="breakglasses",
        short_name="bg",
        scope=Scope.CLUSTER,
        columns=(
            Column(name="Namespace", path=".spec.release.namespace", description="The release's namespace."),
            Column(name="Release", path=".spec.release.name", description="The release that is let in."),
            Column(name="By", path=".spec.requestedBy", description="Who opened it."),
            Column(name="Until", path=".spec.until", description="When it ends."),
            Column(name="Uses", path=".status.useCount", type="integer", description="How many revisions came in."),
            condition_column("Active", ConditionType.ACTIVE, "status", "Whether it lets anything in now."),
            condition_column("Reason", ConditionType.ACTIVE, "reason", "Why it does, or does not.", priority=1),
            AGE,
        ),
    )

    kind: SkipJsonSchema[Literal["BreakGlass"]] = "BreakGlass"
    spec: BreakGlassSpec = Field(description="What is let in, until when, and who says so.")
    status: BreakGlassStatus | None = Field(
        default=None, description="Whether it is open, and what came in; written by the controller only."
    )
