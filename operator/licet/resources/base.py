"""What all custom resources share: the base of the models, object metadata, and how a resource presents itself."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, JsonValue
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema

from licet.resources.markers import Rule

GROUP: Final = "licet.dev"
VERSION: Final = "v1alpha1"
CATEGORY: Final = "licet"


def _member_name(field_name: str) -> str:
    """Name a field as the Kubernetes API conventions do: camelCase, with `ID` in capitals."""
    return re.sub(r"Id$", "ID", to_camel(field_name))


class Model(BaseModel):
    """Base of everything inside a custom resource: frozen, camelCase outside, tolerant of members it does not know.

    Unknown members are ignored because the API server has already refused them where they matter, and because an
    older program has to read what a newer one wrote. Errors do not repeat their input: it may be a token.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=_member_name,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """What the API server checks across the members of this object."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Write the class's rules into its schema."""
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        for rule in cls.rules:
            rule.add_to(schema)
        return reference

    def as_json(self) -> dict[str, JsonValue]:
        """Write the object as Kubernetes reads it; members without a value are left out."""
        json: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return json


class Scope(StrEnum):
    """Whether objects of a kind belong to a namespace."""

    CLUSTER = "Cluster"
    NAMESPACED = "Namespaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of `kubectl get`; one with a priority above zero shows with `-o wide` only."""

    name: str
    path: str
    description: str
    type: Literal["string", "integer", "date"] = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """How a kind of custom resource is named, scoped and listed."""

    kind: str
    plural: str
    short_name: str
    scope: Scope
    columns: tuple[Column, ...]

    @property
    def crd_name(self) -> str:
        """The name of its CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"


def condition_column(name: str, condition: str, member: str, description: str, *, priority: int = 0) -> Column:
    """Make a column of a member of the condition of this type."""
    path = f'.status.conditions[?(@.type=="{condition}")].{member}'
    return Column(name=name, path=path, description=description, priority=priority)


AGE: Final = Column(
    name="Age", path=".metadata.creationTimestamp", type="date", description="How long ago the object was created."
)


class ObjectMeta(Model):
    """The members of `metadata` that licet reads; those that only the API server gives are absent in a file."""

    name: str
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: str | None = None  # RFC 3339 in UTC, whole seconds: text order is time order
    deletion_timestamp: str | None = None


class Resource(Model):
    """Base of all kinds; a subclass adds its kind's name, `definition`, `spec` and `status`."""

    definition: ClassVar[Definition]

    # These are described by Kubernetes itself, for all kinds alike.
    api_version: SkipJsonSchema[Literal["licet.dev/v1alpha1"]] = "licet.dev/v1alpha1"
    kind: SkipJsonSchema[str]
    metadata: SkipJsonSchema[ObjectMeta]
