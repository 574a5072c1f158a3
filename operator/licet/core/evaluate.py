"""The rights of a namespace in one product: the grants of all licenses that count for it, merged into one.

- While a license is active or in grace, those that are over contribute nothing. When all are over, those that say so
  leave their features and limits behind for the application to judge; state `Expired` says that nothing is licensed.
- A trial contributes only while no other license does.
- Features are united: booleans by or, integers by the larger, lists by union, in the order of the alphabet; a string
  or plan is that of the latest `iat` that sets it. Features of unlike types are not united: the latest `iat` decides.
- Limits of different series with the same period and overage are added up, and unlimited wins; otherwise the latest
  `iat` decides. Each license's amount stays a pool of its own, since licenses may be open to different namespaces.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from licet.core.claims import FeatureValue, Grant, Limit
from licet.core.licenses import Assessment, CountingLicense, Finding
from licet.core.namespaces import Namespace
from licet.core.reasons import Oddity, OnExpiry, Period, State
from licet.core.token import VerifiedToken


@dataclass(frozen=True, slots=True)
class Contribution:
    """One grant of one license to the rights of a namespace in a product."""

    license: CountingLicense
    grant: Grant

    @property
    def keeps_values(self) -> bool:
        """Tell whether features and limits are to be shown: they are rights, or are kept beyond the end."""
        return self.license.phase is not State.EXPIRED or (self.license.token.claims.license.on_expiry is OnExpiry.KEEP)

    def holder(self, namespaces: Sequence[Namespace]) -> str:
        """Give the license, with its plan, as messages to these namespaces name it."""
        plan = f" (plan {self.grant.plan})" if self.grant.plan else ""
        return f"license {self.license.name_for(namespaces)}{plan}"


@dataclass(frozen=True, slots=True)
class Pool:
    """What one grant adds to a limit."""

    source: tuple[str, str, str]  # the license's series, which tells the pools of a limit apart
    amount: int | None  # None: unlimited
    restricted: bool  # not every namespace may draw from it


@dataclass(frozen=True, slots=True)
class LimitRight:
    """A limit as merged: its pools add up."""

    per: Period | None
    overage: str
    pools: tuple[Pool, ...]

    @property
    def total(self) -> int | None:
        """All pools together; None is unlimited."""
        amounts = [pool.amount for pool in self.pools if pool.amount is not None]
        return sum(amounts) if len(amounts) == len(self.pools) else None


@dataclass(frozen=True, slots=True)
class Rights:
    """What a namespace may do with a product."""

    state: State = State.UNLICENSED
    plan: str | None = None
    features: Mapping[str, FeatureValue] = field(default_factory=dict)
    limits: Mapping[str, LimitRight] = field(default_factory=dict)
    customer: str | None = None
    trial: bool = False
    not_after: int | None = None
    grace_until: int | None = None
    tokens: tuple[VerifiedToken, ...] = ()
    findings: tuple[Finding, ...] = ()


def contributions(
    assessment: Assessment, vendor: str, product: str, namespaces: Sequence[Namespace]
) -> tuple[Contribution, ...]:
    """List the grants that make up the rights in a product where all the namespaces are allowed, the latest last.

    All of them are of licenses that are in force, or, where there is none, all of licenses that are over.
    """
    allowed = [
        license_
        for license_ in assessment.by_product.get((vendor, product), ())
        if all(license_.allows(namespace) for namespace in namespaces)
    ]
    chosen = [license_ for license_ in allowed if license_.phase is not State.EXPIRED] or allowed
    chosen = [license_ for license_ in chosen if not license_.token.claims.license.trial] or chosen
    return tuple(
        Contribution(license_, grant) for license_ in chosen for grant in license_.grants if grant.product == product
    )


def in_force(
    assessment: Assessment, vendor: str, product: str, namespaces: Sequence[Namespace]
) -> tuple[Contribution, ...]:
    """List those grants of licenses that are in force, the latest last."""
    parts = contributions(assessment, vendor, product, namespaces)
    return tuple(part for part in parts if part.license.phase is not State.EXPIRED)


def preferred(parts: Iterable[Contribution]) -> Contribution | None:
    """Choose of several grants that cover a thing: one whose license is not in its grace period, if there is one."""
    return max(parts, key=lambda part: part.license.phase is State.ACTIVE, default=None)


def evaluate(assessment: Assessment, vendor: str, product: str, namespace: Namespace) -> Rights:
    """Merge what all counting licenses grant a namespace of a product."""
    parts = contributions(assessment, vendor, product, (namespace,))
    return merge(parts) if parts else Rights()


def merge(parts: Sequence[Contribution]) -> Rights:
    """Merge grants, at least one, of one product into rights; the latest last."""
    licenses = list({part.license.token.text: part.license for part in parts}.values())
    claims = [license_.token.claims for license_ in licenses]
    features, feature_findings = _merge_features(parts)
    limits, limit_findings = _merge_limits(parts)
    return Rights(
        state=_state(licenses),
        plan=next((part.grant.plan for part in reversed(parts) if part.grant.plan is not None), None),
        features=features,
        limits=limits,
        customer=next((each.license.customer.name for each in reversed(claims) if each.license.customer.name), None),
        trial=all(each.license.trial for each in claims),
        not_after=max(each.exp for each in claims),
        grace_until=max(each.grace_until for each in claims),
        tokens=tuple(sorted((each.token for each in licenses), key=lambda token: (token.claims.jti, token.text))),
        findings=feature_findings + limit_findings,
    )


def _state(licenses: Sequence[CountingLicense]) -> State:
    phases = {license_.phase for license_ in licenses}
    return next(state for state in (State.ACTIVE, State.GRACE, State.EXPIRED) if state in phases)


def _merge_features(parts: Sequence[Contribution]) -> tuple[dict[str, FeatureValue], tuple[Finding, ...]]:
    values: defaultdict[str, list[FeatureValue]] = defaultdict(list)
    for part in parts:
        if part.keeps_values:
            for name, value in part.grant.features.items():
                values[name].append(value)
    conflicts = sorted(name for name, found in values.items() if len({type(value) for value in found}) > 1)
    merged = {name: found[-1] if name in conflicts else _unite(found) for name, found in values.items()}
    return merged, _finding(Oddity.FEATURE_TYPE_CONFLICT, "feature", conflicts, "is of another type")


def _unite(values: Sequence[FeatureValue]) -> FeatureValue:
    """Unite values of one type, the latest last."""
    match values[-1]:
        case bool():
            return any(values)
        case int():
            return max(value for value in values if isinstance(value, int))
        case tuple():
            return tuple(sorted({item for value in values if isinstance(value, tuple) for item in value}))
        case text:
            return text


def _merge_limits(parts: Sequence[Contribution]) -> tuple[dict[str, LimitRight], tuple[Finding, ...]]:
    entries: defaultdict[str, list[tuple[Contribution, Limit]]] = defaultdict(list)
    for part in parts:
        if part.keeps_values:
            for name, limit in part.grant.limits.items():
                entries[name].append((part, limit))
    conflicts = sorted(name for name, found in entries.items() if not _summable(found))
    merged = {name: _merge_limit(found[-1:] if name in conflicts else found) for name, found in entries.items()}
    return merged, _finding(Oddity.LIMITS_CONFLICT, "limit", conflicts, "has another period or overage, or is doubled")


def _summable(entries: Sequence[tuple[Contribution, Limit]]) -> bool:
    kinds = {(limit.per, limit.overage) for _, limit in entries}
    tokens = {part.license.token.text for part, _ in entries}
    return len(kinds) == 1 and len(tokens) == len(entries)


def _merge_limit(entries: Sequence[tuple[Contribution, Limit]]) -> LimitRight:
    _, latest = entries[-1]
    pools = (
        Pool(source=part.license.token.series, amount=limit.max, restricted=part.license.restricted)
        for part, limit in entries
    )
    ordered = sorted(pools, key=lambda pool: (not pool.restricted, pool.source))
    return LimitRight(latest.per, latest.overage, tuple(ordered))


def _finding(oddity: Oddity, kind: str, names: Sequence[str], problem: str) -> tuple[Finding, ...]:
    if not names:
        return ()
    listed = ", ".join(names)
    return (Finding(oddity, f"{kind} {listed} {problem} in several licenses; the one issued last decides"),)
