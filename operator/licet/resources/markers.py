"""Annotations that say in a model what only the API server's schema language can: CEL rules and list semantics.

They stand beside pydantic's own constraints, `Annotated[str, Field(max_length=63), Rule("self == oldSelf", "…")]`, and
change nothing but the generated schema.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

RuleReason = Literal["FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A validation rule in CEL, with the sentence that a person reads whose manifest breaks it.

    `path` names the member at fault relative to the value that carries the rule, such as `.d`. With the reason
    `FieldValueForbidden` the API server does not repeat the value in its answer.
    """

    expression: str
    message: str
    path: str | None = None
    reason: RuleReason | None = None

    def add_to(self, schema: JsonSchemaValue) -> None:
        """Append this rule to those of a schema."""
        rule = {"rule": self.expression, "message": self.message}
        if self.reason is not None:
            rule["reason"] = self.reason
        if self.path is not None:
            rule["fieldPath"] = self.path
        rules = schema.setdefault("x-kubernetes-validations", [])
        if rule not in rules:
            rules.append(rule)

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the rule to the schema of the annotated value."""
        schema = handler(core_schema)
        self.add_to(schema)
        return schema


@dataclass(frozen=True, slots=True)
class ListType:
    """How server-side apply merges a list, and what may not occur twice in it: items (set), or their keys (map)."""

    type: Literal["atomic", "set", "map"]
    keys: tuple[str, ...] = ()

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the list type to the schema of the annotated list."""
        schema = handler(core_schema)
        schema["x-kubernetes-list-type"] = self.type
        if self.keys:
            schema["x-kubernetes-list-map-keys"] = list(self.keys)
        return schema


ATOMIC_LIST = ListType("atomic")
SET = ListType("set")


def map_by(*keys: str) -> ListType:
    """Mark a list of objects as a map: these members together identify an item, and occur once."""
    return ListType("map", keys)
