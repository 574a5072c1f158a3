"""`licet status`: what a cluster trusts, licenses and runs, and what is wrong."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import click

from licet.cli.live import ClusterError, ask, describe_refusal, list_break_glasses, list_objects
from licet.cli.options import cluster_options
from licet.cli.output import Format, emit, output_option, printable, table
from licet.cli.program import Command, Example, complain, examples
from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.resource import BREAK_GLASSES, ENTITLEMENTS, INSTALLATIONS, LICENSES, VENDORS, Resource
from licet.core.reasons import Reason
from licet.resources import BreakGlass, Entitlement, Installation, License, Vendor
from licet.resources.base import Column, Definition
from licet.resources.meta import ConditionType

_KINDS: Final[Mapping[Resource, Definition]] = {
    VENDORS: Vendor.definition,
    LICENSES: License.definition,
    ENTITLEMENTS: Entitlement.definition,
    INSTALLATIONS: Installation.definition,
    BREAK_GLASSES: BreakGlass.definition,
}
_GOOD_WHEN_FALSE: Final = frozenset({ConditionType.EXPIRING_SOON, ConditionType.ACTIVE})
_AS_IT_SHOULD_BE: Final = frozenset({Reason.SUPERSEDED})  # which every renewal makes of the license before
_STEP: Final = re.compile(r'\.(\w+)(?:\[\?\(@\.type=="(\w+)"\)\])?')  # all that the printer columns have of JSONPath

Objects = Mapping[Resource, Sequence[JsonObject]]


@examples(
    Example("Look at everything", "licet status"),
    Example("Look at what a team has", "licet status -n prod-eu"),
    Example("Count what is wrong", "licet status -o json | jq '.problems | length'"),
)
@click.command(cls=Command)
@click.option("-n", "--namespace", metavar="NS", help="Only Entitlements and Installations of this namespace.")
@cluster_options
@output_option
def command(*, namespace: str | None, kubeconfig: str | None, kube_context: str | None, output: Format | None) -> None:
    """Vendors, licenses, entitlements and installations are shown with the status that the controller gives them.

    Below stands what is wrong, and what to do about it. Kinds that you may not list are left out.
    """
    objects = ask(kubeconfig, kube_context, lambda api: _read(api, namespace))
    problems = [
        problem for resource, listed in objects.items() for obj in listed for problem in _problems(resource, obj)
    ]
    if output is not None:
        shown = {resource.plural: [_without_token(obj) for obj in listed] for resource, listed in objects.items()}
        emit([{**shown, "problems": [problem.document() for problem in problems]}], output)
        return
    for resource, listed in objects.items():
        if resource == BREAK_GLASSES and not listed:
            continue  # as on nearly all days
        click.echo(
            f"{click.style(_KINDS[resource].plural.capitalize(), bold=True)}\n{object_table(resource, listed)}\n"
        )
    lines = [f"{problem.where} ({problem.reason}): {printable(problem.message)}" for problem in problems]
    click.echo(f"{click.style('Problems', bold=True)}\n" + ("\n".join(lines) or "none"))


@dataclass(frozen=True, slots=True)
class _Problem:
    """A condition of an object that is not as it should be."""

    kind: str
    namespace: str
    name: str
    reason: str
    message: str

    @property
    def where(self) -> str:
        """The object, as messages name it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def document(self) -> dict[str, str]:
        """Write it for programs."""
        members = {"kind": self.kind, "namespace": self.namespace, "name": self.name}
        return {
            **{key: value for key, value in members.items() if value},
            "reason": self.reason,
            "message": self.message,
        }


async def _read(api: KubeApi, namespace: str | None) -> Objects:
    """List the kinds that the caller may list; raises `ClusterError` where that is none."""
    answers = await asyncio.gather(
        *(
            list_break_glasses(api) if resource == BREAK_GLASSES else list_objects(api, resource, namespace)
            for resource in _KINDS
        ),
        return_exceptions=True,
    )
    objects: dict[Resource, Sequence[JsonObject]] = {}
    for resource, answer in zip(_KINDS, answers, strict=True):
        if isinstance(answer, ApiError) and answer.is_forbidden:
            complain(describe_refusal(answer))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            objects[resource] = sorted(answer, key=_key)
    if not objects:
        raise ClusterError("the cluster lets you list nothing of licet")
    return objects


def _problems(resource: Resource, obj: JsonObject) -> Iterator[_Problem]:
    kind, (namespace, name) = _KINDS[resource].kind, _key(obj)
    status = obj.get("status") or {}
    conditions = status.get("conditions") or ()
    if not conditions:
        message = "the controller has not looked at it yet; is it running?"
        yield _Problem(kind, namespace, name, "NoStatus", message)
    elif status.get("observedGeneration", obj["metadata"]["generation"]) < obj["metadata"]["generation"]:
        message = "the controller has not looked at it since it was changed; is it running?"
        yield _Problem(kind, namespace, name, "OldStatus", message)
    told: set[str] = set()
    for condition in conditions:
        good = "False" if condition["type"] in _GOOD_WHEN_FALSE else "True"
        message = condition["message"]
        if condition["status"] != good and condition["reason"] not in _AS_IT_SHOULD_BE and message not in told:
            told.add(message)  # Ready and Valid often say the same
            yield _Problem(kind, namespace, name, condition["reason"], message)


def object_table(resource: Resource, objects: Sequence[JsonObject]) -> str:
    """Write the table that kubectl shows, but for the ages."""
    if not objects:
        return "none"
    columns = [column for column in _KINDS[resource].columns if not column.priority and column.type != "date"]
    identity = ("NAMESPACE", "NAME") if resource.namespaced else ("NAME",)
    headers = [*identity, *(column.name.upper() for column in columns)]
    rows = [[*_key(obj)[-len(identity) :], *(_cell(obj, column) for column in columns)] for obj in objects]
    return table(headers, rows)


def _cell(obj: JsonObject, column: Column) -> str:
    value: object = obj
    for member, condition in _STEP.findall(column.path):
        value = value.get(member) if isinstance(value, Mapping) else None
        if condition:
            listed = value if isinstance(value, Sequence) else ()
            value = next((each for each in listed if each.get("type") == condition), None)
    return "" if value is None else str(value)


def _without_token(obj: JsonObject) -> dict[str, object]:
    """Leave out of an object what is nobody's business here, the token of a License above all."""
    namespace, name = _key(obj)
    spec = {member: value for member, value in (obj.get("spec") or {}).items() if member != "token"}
    members = {"namespace": namespace, "name": name, "spec": spec, "status": obj.get("status")}
    return {member: value for member, value in members.items() if value}


def _key(obj: JsonObject) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
