"""What the statuses of Vendors, Licenses and Entitlements say: values in, models out, no I/O.

Of what several licenses or grants give together, which may be more than a status has room for, it shows the first; the
projection has all of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from licet.cluster.records import VendorRecord
from licet.controller.judging import Judging
from licet.controller.observed import Observed
from licet.core import bounds
from licet.core.claims import FeatureValue, Grant
from licet.core.evaluate import Contribution, LimitRight, merge
from licet.core.licenses import CountingLicense, Finding, Standing
from licet.core.projection import ProjectedLimit, Projection, Request
from licet.core.reasons import Reason, State
from licet.core.timestamps import format_instant
from licet.core.token import VerifiedToken
from licet.core.vendors import VendorRegistry
from licet.resources.entitlement import AllottedLimit, EntitlementStatus, TargetKind, WrittenTarget
from licet.resources.license import GrantedChart, GrantedImage, GrantedLimit, GrantedProduct, LicenseStatus
from licet.resources.meta import ConditionType, Observation, conditions
from licet.resources.vendor import VendorStatus

_T = TypeVar("_T")


def vendor_status(
    record: VendorRecord,
    registry: VendorRegistry,
    observed: Observed,
    *,
    licenses: int,
    judging: Judging | None = None,
    now: int,
) -> VendorStatus:
    """Say whether a Vendor is trusted, how many Licenses one of its keys verifies, and whether workloads are judged.

    `judging` is None where the API server does not judge workloads.
    """
    vendor = record.vendor
    rivals, conflicts = registry.issuer_rivals(vendor.name), registry.claim_conflicts(vendor.name)
    if rivals:
        names = ", ".join(rivals)
        ready = _not_ready("IssuerConflict", f"{names} has the same issuer; none is trusted until only one is left")
    elif vendor.keys is None:
        ready = _not_ready("InvalidKeys", "; ".join(record.problems))
    elif record.problems:
        ready = _not_ready("InvalidProducts", "; ".join(record.problems))
    elif conflicts:
        first = conflicts[0]
        more = f", and {len(conflicts) - 1} more" if len(conflicts) > 1 else ""
        ready = _not_ready(
            "ClaimConflict",
            f"{first.pattern} is claimed by the older Vendor {first.other_vendor} as well "
            f"({first.other_pattern}){more}; there the claim of the older one holds",
        )
    else:
        keys = ", ".join(sorted(vendor.keys.keys))
        ready = Observation(ConditionType.READY, True, "Trusted", f"licenses signed with key {keys} are trusted")
    return VendorStatus(
        observed_generation=observed.generation,
        conditions=conditions(
            (ready,) if judging is None else (ready, _workloads_judged(vendor.name, judging)),
            previous=observed.conditions,
            generation=observed.generation,
            now=now,
        ),
        licenses=licenses,
    )


def license_status(standing: Standing, observed: Observed, *, now: int) -> LicenseStatus:
    """Say what the verified token of a License is, and whether it counts."""
    valid = {Reason.VERIFIED: True, Reason.IN_GRACE: True, Reason.TOKEN_UNAVAILABLE: None}.get(standing.reason, False)
    soon = standing.expiring_soon
    observations = (
        Observation(ConditionType.READY, standing.usable, standing.reason, standing.message),
        Observation(ConditionType.VALID, valid, standing.reason, standing.message),
        Observation(
            ConditionType.EXPIRING_SOON,
            soon,
            "ExpiresWithin30Days" if soon else "NotSoon",
            standing.message if soon else "it does not count, or expires in over 30 days",
        ),
        _consistent(standing.findings),
    )
    written = conditions(observations, previous=observed.conditions, generation=observed.generation, now=now)
    token = standing.token
    if token is None:
        return LicenseStatus(observed_generation=observed.generation, conditions=written)
    claims = token.claims
    return LicenseStatus(
        observed_generation=observed.generation,
        conditions=written,
        vendor=token.vendor,
        license_id=claims.jti,
        customer=claims.license.customer.name or claims.sub,
        series=claims.license.series,
        sequence=claims.license.sequence,
        signing_key_id=token.key_id,
        trial=claims.license.trial,
        break_glass=claims.license.break_glass,
        not_before=claims.nbf or claims.iat,
        not_after=claims.exp,
        grace_until=claims.grace_until,
        products=tuple(_granted_product(token, name, grants) for name, grants in _by_product(claims.license.grants)),
    )


def entitlement_status(
    request: Request,
    projection: Projection,
    observed: Observed,
    *,
    written: Mapping[TargetKind, str],
    problem: tuple[str, str] | None,
    now: int,
) -> EntitlementStatus:
    """Say what an Entitlement has, and whether that is written.

    `written` names the objects that hold it; `problem` is reason and message of what keeps the others from it.
    """
    rights = projection.rights
    if problem is None:
        names = " and ".join(f"{kind} {name}" for kind, name in written.items())
        ready = Observation(ConditionType.READY, True, "Projected", f"{names} hold what is licensed")
    else:
        ready = _not_ready(*problem)
    observations = (
        ready,
        _licensed(request, projection),
        _limits_granted(request, projection),
        _consistent(rights.findings),
    )
    return EntitlementStatus(
        observed_generation=observed.generation,
        conditions=conditions(observations, previous=observed.conditions, generation=observed.generation, now=now),
        state=rights.state,
        plan=rights.plan,
        features=_features(projection.features),
        limits=tuple(
            _allotted(name, projection.limits.get(name), request.limits.get(name))
            for name in sorted({*projection.limits, *request.limits})[: bounds.LIMITS]
        ),
        licenses=projection.license_ids[: bounds.LICENSES_PER_RIGHT],
        not_after=rights.not_after,
        grace_until=rights.grace_until,
        targets=tuple(WrittenTarget(kind=kind, name=name) for kind, name in written.items()),
    )


def _workloads_judged(vendor: str, judging: Judging) -> Observation:
    if judging.failure:
        return Observation(
            ConditionType.WORKLOADS_JUDGED,
            False,
            "NotWritten",
            "the API server judges workloads by what it was told before, if anything, since it can't be told anew: "
            f"WorkloadPolicy {vendor}: {judging.failure}",
        )
    if judging.unexpressed:
        return Observation(
            ConditionType.WORKLOADS_JUDGED,
            False,
            "RangeNotExpressible",
            "the API server can't judge by some ranges of versions; what they are about it admits, and the gate "
            f"judges: {'; '.join(judging.unexpressed)}",
        )
    message = "the API server judges images and chart labels of workloads by what is licensed"
    return Observation(ConditionType.WORKLOADS_JUDGED, True, "Judged", message)


def _not_ready(reason: str, message: str) -> Observation:
    return Observation(ConditionType.READY, False, reason, message)


def _consistent(findings: Sequence[Finding]) -> Observation:
    if not findings:
        return Observation(ConditionType.CONSISTENT, True, "Consistent", "nothing contradicts")
    message = "; ".join(finding.message for finding in findings)
    return Observation(ConditionType.CONSISTENT, False, findings[0].oddity, message)


def _licensed(request: Request, projection: Projection) -> Observation:
    rights = projection.rights
    ids = ", ".join(projection.license_ids)
    ends = format_instant(rights.not_after or 0)
    grace = format_instant(rights.grace_until or 0)
    message = {
        State.ACTIVE: f"licensed by {ids} until {ends}",
        State.GRACE: f"{ids} expired at {ends}; the grace period ends at {grace}. Apply a renewed license before",
        State.EXPIRED: f"{ids} expired at {ends}, and the grace period ended at {grace}. Apply a renewed license",
        State.UNLICENSED: f"no license that counts grants product {request.product} of vendor {request.vendor} "
        f"to namespace {request.key[0]}",
    }[rights.state]
    return Observation(ConditionType.LICENSED, rights.state in {State.ACTIVE, State.GRACE}, rights.state, message)


def _limits_granted(request: Request, projection: Projection) -> Observation:
    short = [
        f"{name} ({projection.limits[name].max if name in projection.limits else 0} of {wanted})"
        for name, wanted in sorted(request.limits.items())
        if name not in projection.limits or (projection.limits[name].max or 0) < wanted
    ]
    if short:
        listed = ", ".join(short)
        return Observation(
            ConditionType.LIMITS_GRANTED,
            False,
            "PoolExhausted",
            f"older reservations and the license leave less than requested of {listed}",
        )
    message = "all reservations are granted" if request.limits else "nothing is reserved; limits are shared"
    return Observation(ConditionType.LIMITS_GRANTED, True, "Granted" if request.limits else "Shared", message)


def _allotted(name: str, limit: ProjectedLimit | None, requested: int | None) -> AllottedLimit:
    if limit is None:
        return AllottedLimit(name=name, requested=requested, granted=0, shared=False)
    unlimited = True if limit.max is None else None
    granted = _count(limit.max)
    return AllottedLimit(name=name, requested=requested, granted=granted, unlimited=unlimited, shared=limit.shared)


def _by_product(grants: Iterable[Grant]) -> list[tuple[str, list[Grant]]]:
    by_product: dict[str, list[Grant]] = {}
    for grant in grants:
        by_product.setdefault(grant.product, []).append(grant)
    return sorted(by_product.items())


def _granted_product(token: VerifiedToken, name: str, grants: Sequence[Grant]) -> GrantedProduct:
    """Show what a license grants of a product, merged as it is for applications where it says so more than once."""
    license_ = CountingLicense(token, State.ACTIVE, tuple(grants), licenses=(), scopes=())
    rights = merge([Contribution(license_, grant) for grant in grants])
    return GrantedProduct(
        name=name,
        plan=rights.plan,
        features=_features(rights.features),
        limits=tuple(_granted_limit(*limit) for limit in sorted(rights.limits.items())[: bounds.LIMITS]),
        charts=_all_or_none((_charts(grant) for grant in grants), bounds.CHARTS),
        images=_all_or_none((_images(grant) for grant in grants), bounds.IMAGES),
        maintenance_until=max((grant.maintenance_until for grant in grants if grant.maintenance_until), default=None)
        if all(grant.maintenance_until for grant in grants)
        else None,
    )


def _charts(grant: Grant) -> list[GrantedChart] | None:
    if grant.charts is None:
        return None
    return [GrantedChart(name=each.name.text, versions=each.versions, channels=each.channels) for each in grant.charts]


def _images(grant: Grant) -> list[GrantedImage] | None:
    if grant.images is None:
        return None
    return [
        GrantedImage(repository=each.repository.text, tags=each.tags, channels=each.channels) for each in grant.images
    ]


def _granted_limit(name: str, limit: LimitRight) -> GrantedLimit:
    unlimited = True if limit.total is None else None
    return GrantedLimit(name=name, max=_count(limit.total), unlimited=unlimited, per=limit.per, overage=limit.overage)


def _all_or_none(lists: Iterable[list[_T] | None], bound: int) -> tuple[_T, ...] | None:
    """Join the lists, up to a bound; None, which restricts nothing, wins."""
    joined: list[_T] = []
    for each in lists:
        if each is None:
            return None
        joined += each
    return tuple(joined[:bound])


def _features(features: Mapping[str, FeatureValue]) -> dict[str, FeatureValue]:
    return {
        name: value[: bounds.FEATURE_LIST_ITEMS] if isinstance(value, tuple) else value
        for name, value in sorted(features.items())[: bounds.FEATURES]
    }


def _count(amount: int | None) -> int | None:
    return None if amount is None else min(amount, bounds.LIMIT_MAX)
