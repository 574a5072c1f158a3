"""Types of members that occur in several resources, each with the bounds that the API server enforces."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, PlainSerializer, StrictInt, StringConstraints, WithJsonSchema

from licet.core import bounds
from licet.core.claims import NAME_PATTERN
from licet.core.claims import FeatureValue as ClaimedFeatureValue
from licet.core.timestamps import format_instant, parse_instant
from licet.resources.markers import Rule

_OBJECT_NAME_LENGTH: Final = 253  # RFC 1123 subdomain, which Kubernetes takes as the name of most objects
_NAMESPACE_LENGTH: Final = 63  # RFC 1123 label
_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"


def _read_instant(value: object) -> object:
    return parse_instant(value) if isinstance(value, str) else value


Instant = Annotated[
    StrictInt,
    BeforeValidator(_read_instant),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""Epoch seconds, UTC, in Python; an RFC 3339 timestamp in Kubernetes."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=bounds.TEXT_LENGTH)]
"""A short text that a vendor chose, such as an issuer, an ID or a customer's name."""

Name = Annotated[str, StringConstraints(max_length=bounds.NAME_LENGTH, pattern=NAME_PATTERN)]
"""The name of a product, feature, limit or plan."""

ObjectName = Annotated[str, StringConstraints(max_length=_OBJECT_NAME_LENGTH, pattern=rf"^{_LABEL}(\.{_LABEL})*$")]
"""The name of a Kubernetes object."""

NamespaceName = Annotated[str, StringConstraints(max_length=_NAMESPACE_LENGTH, pattern=rf"^{_LABEL}$")]
"""The name of a namespace."""

Count = Annotated[StrictInt, Field(ge=0, le=bounds.LIMIT_MAX)]
"""A whole number that every JSON reader keeps exactly."""

FeatureValue = Annotated[ClaimedFeatureValue, WithJsonSchema({"x-kubernetes-preserve-unknown-fields": True})]
"""The value of a feature; a structural schema has no word for "boolean, integer, string or list"."""

Features = Annotated[dict[str, FeatureValue], Field(max_length=bounds.FEATURES)]
"""Features by name."""

NAMES_AS_KEYS: Final = Rule(
    f"self.all(name, name.matches('{NAME_PATTERN}'))",
    f"names have 1 to {bounds.NAME_LENGTH} lower-case letters, digits and hyphens, and begin with a letter",
)
