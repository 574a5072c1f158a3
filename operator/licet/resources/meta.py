"""Conditions and the common part of every status, after the Kubernetes API conventions."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StrictInt, StringConstraints

from licet.resources.base import Model
from licet.resources.fields import Instant
from licet.resources.markers import map_by

# The bounds of metav1.Condition.
_TYPE_PATTERN: Final = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)
_REASON_PATTERN: Final = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
_MESSAGE_LENGTH: Final = 32_768
_CONDITIONS: Final = 16


class ConditionType(StrEnum):
    """The conditions that licet sets."""

    READY = "Ready"
    CONSISTENT = "Consistent"
    VALID = "Valid"
    EXPIRING_SOON = "ExpiringSoon"
    LICENSED = "Licensed"
    LIMITS_GRANTED = "LimitsGranted"
    WORKLOADS_JUDGED = "WorkloadsJudged"
    ACTIVE = "Active"


class ConditionStatus(StrEnum):
    """The three values of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"

    @classmethod
    def of(cls, holds: bool | None) -> "ConditionStatus":
        """Give the value for what holds, does not, or (None) cannot be told."""
        if holds is None:
            return cls.UNKNOWN
        return cls.TRUE if holds else cls.FALSE


class Condition(Model):
    """One aspect of an object's state (the members of `metav1.Condition`)."""

    type: Annotated[str, StringConstraints(max_length=316, pattern=_TYPE_PATTERN)] = Field(
        description="What the condition is about, in CamelCase. `Ready` is the one that tools wait for."
    )
    status: ConditionStatus = Field(description="Whether it holds: True, False, or Unknown.")
    reason: Annotated[str, StringConstraints(max_length=1024, pattern=_REASON_PATTERN)] = Field(
        description="Why, as one CamelCase word, for programs."
    )
    message: Annotated[str, StringConstraints(max_length=_MESSAGE_LENGTH)] = Field(
        description="Why, as a sentence, for people: what was found, and what to do about it."
    )
    last_transition_time: Instant = Field(description="When `status` last changed.")
    observed_generation: Annotated[StrictInt, Field(ge=0)] | None = Field(
        default=None,
        description="The `metadata.generation` that the condition was derived from; an older one is out of date.",
    )


class Status(Model):
    """What every status has; written whole, so that a member which no longer applies goes away."""

    observed_generation: Annotated[StrictInt, Field(ge=0)] | None = Field(
        default=None,
        description="The `metadata.generation` that this status was derived from; an older one is out of date.",
    )
    conditions: Annotated[tuple[Condition, ...], Field(max_length=_CONDITIONS), map_by("type")] = Field(
        default=(), description="What holds for this object, one entry for each aspect."
    )


@dataclass(frozen=True, slots=True)
class Observation:
    """What a reconcile found out about one aspect of an object: a condition before it has its times.

    `holds` is None where it cannot be told. `reason` is one CamelCase word, `message` a sentence without any secret.
    """

    type: ConditionType
    holds: bool | None
    reason: str
    message: str


def conditions(
    observations: Iterable[Observation], *, previous: Iterable[Condition], generation: int | None, now: int
) -> tuple[Condition, ...]:
    """Turn observations into the conditions to write, in their order; a condition without a observation goes away.

    The transition time of a condition whose status is as before is kept, so that the same observations about the same
    generation give equal conditions, and nothing has to be written.

    Args:
        observations: what holds now, one for each type.
        previous: the conditions that the object has.
        generation: the `metadata.generation` that the observations are about.
        now: epoch seconds, UTC; the transition time of what changed.
    """
    before = {condition.type: condition for condition in previous}
    return tuple(_condition(observation, before.get(observation.type), generation, now) for observation in observations)


def find(conditions: Iterable[Condition], type_: ConditionType) -> Condition | None:
    """Give the condition of this type, or None."""
    return next((condition for condition in conditions if condition.type == type_), None)


def _condition(observation: Observation, before: Condition | None, generation: int | None, now: int) -> Condition:
    status = ConditionStatus.of(observation.holds)
    return Condition(
        type=observation.type,
        status=status,
        reason=observation.reason,
        message=observation.message[:_MESSAGE_LENGTH],
        last_transition_time=before.last_transition_time if before is not None and before.status == status else now,
        observed_generation=generation,
    )
