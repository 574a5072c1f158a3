"""What a policy report says about the Installations of a namespace: values in and out.

- There is one result for each Installation and product: `pass` where all of it is licensed, else `fail` under a Vendor
  that enforces, and `warn` under one that does not, which is not scored.
- It is about the workload that was installed where there is but that one, so that it stands beside what other tools say
  of it; else about the Installation.
- The property `resultID`, by which Policy Reporter tells results apart, is another one for each, and when one turns.
- The summary counts all results. So that an object never gets too large, only as many are listed as fit, with those
  first that are worst; texts are cut off.

The form is that of `PolicyReport` of wgpolicyk8s.io/v1alpha2, which `Report` of openreports.io/v1alpha1 has taken over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from licet.cluster.resource import WORKLOAD_KINDS, Resource
from licet.controller.observed import digest
from licet.core import bounds
from licet.core.reasons import Enforcement
from licet.core.vendors import VendorRegistry
from licet.resources.base import GROUP, VERSION
from licet.resources.installation import Installation, InstallationStatus, InstalledChart, InstalledImage
from licet.resources.meta import Condition, ConditionStatus, ConditionType, find

NAME: Final = "licet"
"""Of the reports, their policy and their source."""

_CATEGORY: Final = "Licensing"

Json = dict[str, Any]
Item = InstalledChart | InstalledImage


class Outcome(StrEnum):
    """What a result says, the worst first."""

    FAIL = "fail"
    WARN = "warn"
    PASS = "pass"  # noqa: S105 - an outcome, not a credential


_NOT_MET: Final = {
    Enforcement.ENFORCE: Outcome.FAIL,
    Enforcement.WARN: Outcome.WARN,
    Enforcement.AUDIT: Outcome.WARN,
}
_SEVERITY: Final = {Enforcement.ENFORCE: "high", Enforcement.WARN: "medium", Enforcement.AUDIT: "low"}


@dataclass(frozen=True, slots=True)
class Reported:
    """What is reported of one product in an Installation, but for what the Vendor makes of it."""

    uid: str
    """Of the Installation."""
    vendor: str
    product: str
    licensed: bool
    reason: str
    message: str
    since: int
    resource: Mapping[str, str]
    properties: Mapping[str, str]


def read_reported(obj: Mapping[str, Any]) -> tuple[Reported, ...]:
    """Read what is to be reported of an Installation, as the API server gives it; nothing while it has no status."""
    installation = Installation.model_validate(
        {**obj, "apiVersion": f"{GROUP}/{VERSION}", "kind": Installation.definition.kind}
    )
    status = installation.status
    condition = find(status.conditions, ConditionType.LICENSED) if status is not None else None
    if status is None or condition is None or condition.status == ConditionStatus.UNKNOWN:
        return ()
    products: dict[tuple[str, str], list[Item]] = {}
    listed: tuple[Item, ...] = (*status.charts, *status.images)
    for item in listed:
        products.setdefault((item.vendor, item.product), []).append(item)
    if condition.status == ConditionStatus.FALSE and all(item.license for item in listed):
        products["", ""] = []  # it is not licensed as a whole
    return tuple(
        _reported(installation, status, condition, vendor, product, items)
        for (vendor, product), items in sorted(products.items())
    )


def report_content(reported: Iterable[Reported], registry: VendorRegistry) -> Json | None:
    """Give summary and results of a report; None where there is nothing to report."""
    found: dict[Outcome, list[Reported]] = {outcome: [] for outcome in Outcome}
    for each in reported:
        enforcement = _enforcement(each, registry)
        found[Outcome.PASS if each.licensed else _NOT_MET[enforcement]].append(each)
    summary = {outcome: len(found[Outcome(outcome)]) for outcome in ("pass", "fail", "warn")}
    if not any(summary.values()):
        return None
    listed, room = [], bounds.REPORT_BYTES
    for outcome in Outcome:
        for each in sorted(found[outcome], key=_key):
            result = _result(each, outcome, _enforcement(each, registry))
            room -= len(msgspec.json.encode(result))
            if room < 0:
                break
            listed.append(result)
    return {"summary": {**summary, "error": 0, "skip": 0}, "results": listed}


def _reported(
    installation: Installation,
    status: InstallationStatus,
    condition: Condition,
    vendor: str,
    product: str,
    items: list[Item],
) -> Reported:
    licensed = bool(items) and all(item.license for item in items)
    holds = condition.status == ConditionStatus.TRUE
    licenses = ", ".join(dict.fromkeys(item.license for item in items if item.license))
    properties = {
        "vendor": vendor,
        "product": product,
        "license": licenses,
        "charts": ", ".join(f"{item.name} {item.version}" for item in items if isinstance(item, InstalledChart)),
        "images": ", ".join(item.short for item in items if isinstance(item, InstalledImage)),
        "source": f"{status.source.kind}/{status.source.name}" if status.source else "",
        "installation": installation.metadata.name,
    }
    return Reported(
        uid=installation.metadata.uid or "",
        vendor=vendor,
        product=product,
        licensed=licensed,
        reason=condition.reason if holds or not licensed else "Licensed",
        message=_fit(condition.message if holds or not licensed else f"licensed by {licenses}"),
        since=condition.last_transition_time,
        resource=_resource(installation, status),
        properties={name: _fit(text) for name, text in properties.items() if text},
    )


def _resource(installation: Installation, status: InstallationStatus) -> Mapping[str, str]:
    namespace, source = installation.metadata.namespace or "", status.source
    workload: Resource | None = WORKLOAD_KINDS.get(source.kind) if source is not None else None
    if source is not None and workload is not None:
        version = "/".join(filter(None, (workload.group, workload.version)))
        return {"apiVersion": version, "kind": source.kind, "namespace": namespace, "name": source.name}
    return {
        "apiVersion": installation.api_version,
        "kind": installation.kind,
        "namespace": namespace,
        "name": installation.metadata.name,
        "uid": installation.metadata.uid or "",
    }


def _enforcement(reported: Reported, registry: VendorRegistry) -> Enforcement:
    vendor = registry.get(reported.vendor)
    return vendor.enforcement if vendor is not None else Enforcement.ENFORCE


def _key(reported: Reported) -> tuple[str, str, str]:
    return reported.properties["installation"], reported.vendor, reported.product


def _result(reported: Reported, outcome: Outcome, enforcement: Enforcement) -> Json:
    identity = [reported.uid, reported.vendor, reported.product, outcome, reported.reason]
    return {
        "source": NAME,
        "policy": NAME,
        "rule": reported.reason,
        "category": _CATEGORY,
        "severity": _SEVERITY[enforcement],
        "result": str(outcome),
        "scored": outcome is not Outcome.WARN,
        "timestamp": {"seconds": reported.since, "nanos": 0},
        "resources": [dict(reported.resource)],
        "message": reported.message,
        "properties": {**reported.properties, "resultID": digest(identity).hex()},
    }


def _fit(text: str) -> str:
    if len(text) <= bounds.REPORT_TEXT_LENGTH:
        return text
    return f"{text[: bounds.REPORT_TEXT_LENGTH - 1]}…"
