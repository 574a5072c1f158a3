"""From models to structural schemas."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import ConfigDict, Field, computed_field

from licet.resources.base import Model
from licet.resources.crd import KINDS, custom_resource_definition
from licet.resources.markers import Rule, map_by
from licet.resources.schema import SchemaError, structural_schema


def described(**more: Any) -> Any:
    return Field(description="What it is.", **more)


class Inner(Model):
    """An inner object."""

    rules: ClassVar[tuple[Rule, ...]] = (Rule("has(self.name)", "name is missing"),)

    name: str = described()


def test_references_are_put_in_place_and_keep_the_members_own_description() -> None:
    class Outer(Model):
        inner: Inner = Field(description="The one inside.")

    inner = structural_schema(Outer)["properties"]["inner"]
    assert inner["description"] == "The one inside."
    assert inner["properties"]["name"] == {"description": "What it is.", "type": "string"}


def test_optional_members_are_absent_rather_than_null() -> None:
    class Outer(Model):
        inner: Inner | None = described(default=None)
        numbers: tuple[int, ...] | None = described(default=None)

    schema = structural_schema(Outer)
    assert "required" not in schema
    assert schema["properties"]["inner"]["type"] == "object"
    assert schema["properties"]["numbers"] == {
        "description": "What it is.",
        "type": "array",
        "items": {"type": "integer", "format": "int64"},
    }


def test_rules_of_a_class_and_of_the_member_that_has_it_both_apply() -> None:
    class Outer(Model):
        inner: Annotated[Inner, Rule("self == oldSelf", "immutable", path=".name", reason="FieldValueForbidden")] = (
            described()
        )

    assert structural_schema(Outer)["properties"]["inner"]["x-kubernetes-validations"] == [
        {"rule": "has(self.name)", "message": "name is missing"},
        {"rule": "self == oldSelf", "message": "immutable", "reason": "FieldValueForbidden", "fieldPath": ".name"},
    ]


def test_a_model_used_twice_has_its_rules_once_in_each_place() -> None:
    class Outer(Model):
        one: Inner = described()
        two: Inner | None = described(default=None)

    members = structural_schema(Outer)["properties"]
    assert [len(members[name]["x-kubernetes-validations"]) for name in ("one", "two")] == [1, 1]


def test_list_types_maps_constants_and_scalar_defaults() -> None:
    class Outer(Model):
        items: Annotated[tuple[Inner, ...], map_by("name")] = described(default=())
        amounts: Annotated[dict[str, int], Field(max_length=3)] = described(default_factory=dict)
        flag: Literal[True] | None = described(default=None)
        word: str = described(default="yes")

    members = structural_schema(Outer)["properties"]
    assert members["items"]["x-kubernetes-list-type"] == "map"
    assert members["items"]["x-kubernetes-list-map-keys"] == ["name"]
    assert "default" not in members["items"]
    assert members["amounts"]["additionalProperties"] == {"type": "integer", "format": "int64"}
    assert members["amounts"]["maxProperties"] == 3
    assert members["flag"]["enum"] == [True]
    assert members["word"]["default"] == "yes"


def test_computed_members_are_described_but_not_required() -> None:
    class Outer(Model):
        first: str = described()

        @computed_field(description="Both.")
        def both(self) -> str:
            return self.first * 2

    schema = structural_schema(Outer)
    assert schema["required"] == ["first"]
    assert schema["properties"]["both"] == {"description": "Both.", "type": "string"}


def test_a_model_that_keeps_unknown_members_says_so() -> None:
    class Open(Model):
        model_config = ConfigDict(extra="allow")

    assert structural_schema(Open)["x-kubernetes-preserve-unknown-fields"] is True


def test_what_the_dialect_cannot_say_is_an_error() -> None:
    class Choice(Model):
        value: int | str = described()

    class Keyed(Model):
        values: dict[Annotated[str, Field(min_length=2)], int] = described()

    class Closed(Model):
        model_config = ConfigDict(extra="forbid")

    with pytest.raises(SchemaError, match=r"Choice\.value: alternatives"):
        structural_schema(Choice)
    with pytest.raises(SchemaError, match=r"Keyed\.values: propertyNames"):
        structural_schema(Keyed)
    with pytest.raises(SchemaError, match="Closed: unknown members"):
        structural_schema(Closed)


def test_a_member_without_a_description_is_an_error() -> None:
    class Silent(Model):
        value: str

    with pytest.raises(SchemaError, match="no description of value"):
        structural_schema(Silent)


def walk(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, member in schema.get("properties", {}).items():
        yield from walk(member, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            yield from walk(schema[keyword], f"{path}[]")


SCHEMAS = [
    node
    for kind in KINDS
    for version in custom_resource_definition(kind)["spec"]["versions"]
    for node in walk(version["schema"]["openAPIV3Schema"], kind.definition.kind)
]


@pytest.mark.parametrize(("path", "schema"), SCHEMAS, ids=[path for path, _ in SCHEMAS])
def test_every_value_is_typed_bounded_and_explained(path: str, schema: dict[str, Any]) -> None:
    if "type" not in schema:
        assert schema["x-kubernetes-preserve-unknown-fields"] is True
        return
    if path.endswith((".metadata", ".apiVersion", ".kind")) and path.count(".") == 1:
        return  # the API server's own
    if not path.endswith("[]"):
        assert schema["description"].endswith((".", "none"))
    match schema["type"]:
        case "string":
            assert "maxLength" in schema or "enum" in schema or "format" in schema
        case "array":
            assert "maxItems" in schema
            assert "x-kubernetes-list-type" in schema
        case "object":
            assert ("properties" in schema) != ("maxProperties" in schema)
        case "integer":
            assert "minimum" in schema
