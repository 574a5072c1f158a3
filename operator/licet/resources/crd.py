"""The CustomResourceDefinitions, assembled from the models, and the files that they are kept in."""

from collections.abc import Mapping
from typing import Final, cast

import yaml
from pydantic import JsonValue

from licet.core.writeyaml import Dumper
from licet.resources.base import CATEGORY, GROUP, VERSION, Column, Resource
from licet.resources.breakglass import BreakGlass
from licet.resources.entitlement import Entitlement
from licet.resources.installation import Installation
from licet.resources.license import License
from licet.resources.schema import Schema, structural_schema
from licet.resources.vendor import Vendor
from licet.resources.workloadpolicy import WorkloadPolicy

KINDS: Final[tuple[type[Resource], ...]] = (
    Vendor,
    License,
    Entitlement,
    Installation,
    WorkloadPolicy,
    BreakGlass,
)

_HEADER: Final = (
    "# Generated from the models in operator/licet/resources; do not edit.\n"
    "# To change it, change the models and run: python -m licet.resources crds charts/licet/crds\n"
)
_COMMON_MEMBERS: Final[Mapping[str, JsonValue]] = {
    "apiVersion": {"type": "string", "description": "Version of the schema that this object is written in."},
    "kind": {"type": "string", "description": "What kind of object this is, in CamelCase."},
    "metadata": {"type": "object"},
}


def custom_resource_definition(kind: type[Resource]) -> dict[str, JsonValue]:
    """Give the `apiextensions.k8s.io/v1` CustomResourceDefinition of a kind.

    Raises:
        SchemaError: the model says something that a structural schema cannot.
    """
    definition = kind.definition
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition.crd_name},
        "spec": {
            "group": GROUP,
            "scope": definition.scope.value,
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": [definition.short_name],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    **({"subresources": {"status": {}}} if "status" in kind.model_fields else {}),
                    "additionalPrinterColumns": [_column(column) for column in definition.columns],
                    "schema": {"openAPIV3Schema": _object_schema(kind)},
                }
            ],
        },
    }


def generated_files() -> dict[str, str]:
    """Give the text of every CRD file by its name; the same models give the same bytes."""
    return {
        f"{GROUP}_{kind.definition.plural}.yaml": _HEADER + _to_yaml(custom_resource_definition(kind)) for kind in KINDS
    }


def _object_schema(kind: type[Resource]) -> Schema:
    schema = structural_schema(kind)
    schema["properties"] = {**_COMMON_MEMBERS, **cast("Schema", schema["properties"])}
    return schema


def _column(column: Column) -> JsonValue:
    result: dict[str, JsonValue] = {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
    }
    if column.priority:
        result["priority"] = column.priority
    return result


class _Dumper(Dumper):
    """Writes equal values out each time: anchors are for programs, and these files are read by people."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _to_yaml(document: dict[str, JsonValue]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
