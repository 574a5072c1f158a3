"""From pydantic models to structural OpenAPI v3 schemas, the dialect in which a CRD describes its objects.

Kubernetes wants every value described in place and with a type: no references, no alternatives, no titles
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
What the dialect cannot say, and a member without a description, is an error here rather than a surprise in the cluster.
"""

from typing import Final, cast

from pydantic import BaseModel, JsonValue

Schema = dict[str, JsonValue]

_PRESERVE_UNKNOWN: Final = "x-kubernetes-preserve-unknown-fields"
_RULES: Final = "x-kubernetes-validations"
_KEYWORDS: Final = (
    "description", "type", "format", "default", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "minItems", "maxItems", "items", "minProperties", "maxProperties", "required", "properties",
    "additionalProperties", _PRESERVE_UNKNOWN, "x-kubernetes-list-type", "x-kubernetes-list-map-keys", _RULES,
)  # fmt: skip
_IGNORED: Final = frozenset({"title", "readOnly"})


class SchemaError(Exception):
    """A model says something that a structural schema cannot, or does not explain itself."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """Describe a model, as it is written to Kubernetes, by a structural schema; equal models give equal bytes.

    Raises:
        SchemaError: the model uses a construct for which the dialect has no word, or has an undescribed member.
    """
    document = cast("Schema", model.model_json_schema(by_alias=True, mode="serialization"))
    definitions = cast("dict[str, Schema]", document.pop("$defs", {}))
    return _Converter(definitions).convert(document, model.__name__)


class _Converter:
    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def convert(self, schema: Schema, where: str) -> Schema:
        """Convert one schema and those inside; `where` names it in errors."""
        schema = self._without_indirection(schema, where)
        unknown = sorted(schema.keys() - set(_KEYWORDS) - _IGNORED)
        if unknown:
            raise SchemaError(f"{where}: {', '.join(unknown)} cannot be said in a structural schema")
        if schema.get("type") == "integer":
            schema.setdefault("format", "int64")
        if "description" in schema:
            schema["description"] = " ".join(cast("str", schema["description"]).split())
        if not isinstance(schema.get("default"), str | bool | int):
            schema.pop("default", None)  # an absent list, map or object is left absent
        if "items" in schema:
            schema["items"] = self.convert(cast("Schema", schema["items"]), f"{where}[]")
        self._convert_members(schema, where)
        return {keyword: schema[keyword] for keyword in _KEYWORDS if keyword in schema}

    def _without_indirection(self, schema: Schema, where: str) -> Schema:
        """Put what is referred to in its place, and take `null` from the alternatives: absent is the word for it."""
        schema = dict(schema)
        if "const" in schema:
            schema["enum"] = [schema.pop("const")]
        if "anyOf" in schema:
            choices = [choice for choice in cast("list[Schema]", schema.pop("anyOf")) if choice != {"type": "null"}]
            if len(choices) != 1:
                raise SchemaError(f"{where}: alternatives cannot be said in a structural schema")
            return self._without_indirection(_merge(choices[0], schema), where)
        if "$ref" in schema:
            name = cast("str", schema.pop("$ref")).removeprefix("#/$defs/")
            return self._without_indirection(_merge(self._definitions[name], schema), where)
        return schema

    def _convert_members(self, schema: Schema, where: str) -> None:
        extra = schema.pop("additionalProperties", None)
        if extra is True:
            schema[_PRESERVE_UNKNOWN] = True
        elif isinstance(extra, dict):
            schema["additionalProperties"] = self.convert(extra, f"{where}{{}}")
        elif extra is not None:
            raise SchemaError(f"{where}: unknown members are pruned by the API server, and not for a schema to forbid")
        if "properties" not in schema:
            return
        members = cast("dict[str, Schema]", schema["properties"])
        computed = {name for name, member in members.items() if member.get("readOnly") is True}
        required = [name for name in cast("list[str]", schema.pop("required", [])) if name not in computed]
        if required:
            schema["required"] = cast("JsonValue", required)
        converted = {name: self.convert(member, f"{where}.{name}") for name, member in members.items()}
        undescribed = sorted(name for name, member in converted.items() if not member.get("description"))
        if undescribed:
            raise SchemaError(f"{where}: no description of {', '.join(undescribed)}")
        schema["properties"] = cast("JsonValue", converted)


def _merge(inner: Schema, outer: Schema) -> Schema:
    """Lay what is said about a member over what is said about its type; rules of both apply."""
    merged = {**inner, **outer}
    if _RULES in inner and _RULES in outer:
        merged[_RULES] = [*cast("list[JsonValue]", inner[_RULES]), *cast("list[JsonValue]", outer[_RULES])]
    return merged
