"""Which licenses count: all Licenses of the cluster, judged together at one instant.

- A token whose `iat` lies over ten minutes ahead, or whose `nbf` has not passed, is `NotYetValid` and changes nothing.
  Others are evidence of how late it is at least: by their `iat` too, the licenses of their issuer are judged.
- Of the others, per issuer, subject and series, only the highest rank counts, even when it is expired, and even when
  the one that was higher has been deleted meanwhile: that is remembered. The rest is `Superseded`. What is remembered
  of a token that is here and has not begun is due to a clock that was wrong, and void.
- One that counts is `Verified` until `exp`, then `InGrace` until its grace period ends, then `Expired`.
- The same token in several Licenses counts once, for the namespaces of all of them. Tokens are the same when their
  payloads are: a vendor signs one again after a change of keys, and of ECDSA's signatures anybody can make another.
- Of products that its Vendor does not list, a license grants nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from licet.core.claims import Grant
from licet.core.errors import VerificationError
from licet.core.memory import Memory, Rank, SeriesKey
from licet.core.namespaces import Namespace, NamespaceScope
from licet.core.reasons import Oddity, Reason, State
from licet.core.timestamps import format_instant
from licet.core.token import VerifiedToken
from licet.core.validity import expires_soon, has_begun, is_issued, next_change, phase_of
from licet.core.vendors import VendorRegistry

_REASON_OF_PHASE: Final = {
    State.ACTIVE: Reason.VERIFIED,
    State.GRACE: Reason.IN_GRACE,
    State.EXPIRED: Reason.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A License of the cluster: its token as verified, or why it could not be."""

    name: str
    token: VerifiedToken | VerificationError
    scope: NamespaceScope | None = None  # None: not narrowed
    unavailable: str = ""  # why the token can't be read any more, where `token` is the one that was kept


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd but not wrong about a License, or about the rights of an Entitlement."""

    oddity: Oddity
    message: str


@dataclass(frozen=True, slots=True)
class CountingLicense:
    """A license that counts, with everything that decides for whom."""

    token: VerifiedToken
    phase: State  # ACTIVE, GRACE or EXPIRED
    grants: tuple[Grant, ...]  # of products that the Vendor lists
    licenses: tuple[str, ...]  # names of the License objects that carry the token
    scopes: tuple[NamespaceScope | None, ...]

    def allows(self, namespace: Namespace) -> bool:
        """Tell whether the namespace may use the license, by the token's bindings and by one License's narrowing."""
        return self.token.claims.license.bindings.allows_namespace(namespace.name) and any(
            scope is None or scope.allows(namespace) for scope in self.scopes
        )

    def name_for(self, namespaces: Sequence[Namespace]) -> str:
        """Name a License that carries the token to the namespaces: to all of them, or else to the first."""
        carriers = list(zip(self.licenses, self.scopes, strict=True))
        for wanted in (namespaces, namespaces[:1]):
            for name, scope in carriers:
                if scope is None or all(scope.allows(namespace) for namespace in wanted):
                    return name
        return self.licenses[0]

    @property
    def restricted(self) -> bool:
        """Tell whether there are namespaces that may not use the license."""
        return self.token.claims.license.bindings.namespaces is not None or None not in self.scopes


@dataclass(frozen=True, slots=True)
class Standing:
    """How one License stands: what its conditions and status say."""

    name: str
    reason: Reason
    message: str
    token: VerifiedToken | None
    phase: State | None  # None: it does not count
    expiring_soon: bool = False
    findings: tuple[Finding, ...] = ()
    scope: NamespaceScope | None = None

    @property
    def usable(self) -> bool:
        """Tell whether the token could be used at some time: false for what no waiting will mend."""
        return self.token is not None and self.reason is not Reason.TOKEN_UNAVAILABLE

    def allows(self, namespace: Namespace) -> bool:
        """Tell whether the License is meant for the namespace, whether it counts or not."""
        if self.token is not None and not self.token.claims.license.bindings.allows_namespace(namespace.name):
            return False
        return self.scope is None or self.scope.allows(namespace)


@dataclass(frozen=True)
class Assessment:
    """All Licenses judged together.

    `memory` is what is to be remembered from now on; `next_change` the instant at which time alone changes something.
    """

    standings: Mapping[str, Standing]
    counting: tuple[CountingLicense, ...]
    memory: Memory
    next_change: int | None

    @cached_property
    def by_product(self) -> Mapping[tuple[str, str], tuple[CountingLicense, ...]]:
        """The counting licenses by (vendor, product) that they grant."""
        index: defaultdict[tuple[str, str], list[CountingLicense]] = defaultdict(list)
        for license_ in self.counting:
            for product in {grant.product for grant in license_.grants}:
                index[license_.token.vendor, product].append(license_)
        return {key: tuple(licenses) for key, licenses in index.items()}


def assess(candidates: Iterable[Candidate], registry: VendorRegistry, memory: Memory, clock: int) -> Assessment:
    """Judge all Licenses of the cluster together at one instant.

    Args:
        candidates: every License, in any order.
        registry: the Vendors, for the products that they list.
        memory: what was remembered so far.
        clock: epoch seconds; each issuer's effective instant is the later of this and its mark.
    """
    standings: dict[str, Standing] = {}
    carriers: defaultdict[str, list[Candidate]] = defaultdict(list)
    tokens: dict[str, VerifiedToken] = {}  # by payload, so that one token counts once
    for candidate in candidates:
        token = candidate.token
        if isinstance(token, VerificationError):
            standings[candidate.name] = Standing(
                candidate.name, token.reason, str(token), None, None, scope=candidate.scope
            )
        else:
            carriers[token.payload].append(candidate)
            tokens[token.payload] = max(token, tokens.get(token.payload, token), key=lambda copy: copy.text)

    memory = replace(memory, marks=_marks(tokens.values(), memory, clock))
    issued: defaultdict[SeriesKey, list[VerifiedToken]] = defaultdict(list)
    waiting: set[tuple[SeriesKey, Rank]] = set()
    for token in tokens.values():
        now = memory.now(token.claims.iss, clock)
        if is_issued(token, now):
            issued[token.series].append(token)
        if not has_begun(token, now):
            waiting.add((token.series, token.rank))

    highest, alone = dict(memory.highest), dict[SeriesKey, Rank]()
    counting: dict[str, CountingLicense] = {}
    for key, members in issued.items():
        now = memory.now(key[0], clock)
        begun = [token for token in members if has_begun(token, now)]
        top = max(begun, key=lambda token: (token.rank, token.text), default=None)
        remembered = memory.highest.get(key)
        if top is not None and (remembered is None or top.rank >= remembered or (key, remembered) in waiting):
            counting[top.payload] = _counting(top, carriers[top.payload], registry, now)
            (alone if top.stands_alone else highest)[key] = top.rank

    ranks = {**highest, **alone}
    for payload, token in tokens.items():
        now = memory.now(token.claims.iss, clock)
        license_ = counting.get(payload)
        reason, message = _explain(token, license_, ranks.get(token.series), now)
        findings = (*_sequence_findings(token, issued[token.series]), *_product_findings(token, registry))
        for candidate in carriers[payload]:
            standings[candidate.name] = Standing(
                name=candidate.name,
                reason=Reason.TOKEN_UNAVAILABLE if candidate.unavailable else reason,
                message=f"{candidate.unavailable}; {message}" if candidate.unavailable else message,
                token=candidate.token if isinstance(candidate.token, VerifiedToken) else None,
                phase=license_.phase if license_ else None,
                expiring_soon=license_ is not None and expires_soon(token, now),
                findings=findings,
                scope=candidate.scope,
            )
    return Assessment(
        standings=standings,
        counting=tuple(sorted(counting.values(), key=_order)),
        memory=replace(memory, highest=highest),
        next_change=_next_change(tokens.values(), memory, clock),
    )


def _marks(tokens: Iterable[VerifiedToken], memory: Memory, clock: int) -> Mapping[str, int]:
    """Raise the marks by the tokens that were issued by now; the earliest first, as each may tell that others were."""
    marks = dict(memory.marks)
    for token in sorted(tokens, key=lambda token: token.claims.iat):
        mark = marks.get(token.claims.iss, 0)
        if is_issued(token, max(clock, mark)):
            marks[token.claims.iss] = max(mark, token.claims.iat)
    return marks


def _order(license_: CountingLicense) -> tuple[int, str, str]:
    """Put the latest license last; the text makes the order total, should a vendor have given two licenses one ID."""
    return license_.token.claims.iat, license_.token.claims.jti, license_.token.text


def _counting(
    token: VerifiedToken, carriers: Sequence[Candidate], registry: VendorRegistry, now: int
) -> CountingLicense:
    vendor = registry.get(token.vendor)
    return CountingLicense(
        token=token,
        phase=phase_of(token, now),
        grants=tuple(grant for grant in token.claims.license.grants if vendor and vendor.lists(grant.product)),
        licenses=tuple(sorted(candidate.name for candidate in carriers)),
        scopes=tuple(candidate.scope for candidate in sorted(carriers, key=lambda candidate: candidate.name)),
    )


def _explain(
    token: VerifiedToken,
    counting: CountingLicense | None,
    highest: Rank | None,
    now: int,
) -> tuple[Reason, str]:
    claims = token.claims
    if counting is not None:
        ends, grace = format_instant(claims.exp), format_instant(claims.grace_until)
        over = f"expired at {ends}" + (f", and its grace period ended at {grace}" if grace != ends else "")
        return _REASON_OF_PHASE[counting.phase], {
            State.ACTIVE: f"signed by key {token.key_id!r} of Vendor {token.vendor}; valid until {ends}",
            State.GRACE: f"expired at {ends}; its grace period ends at {grace}. Apply a renewed license before",
            State.EXPIRED: f"{over}. Apply a renewed license",
        }.get(counting.phase, "")
    if not is_issued(token, now):
        return Reason.NOT_YET_VALID, (
            f"was issued at {format_instant(claims.iat)}, which is in the future; check the clock of this cluster"
        )
    if claims.nbf > now:
        return Reason.NOT_YET_VALID, f"becomes valid at {format_instant(claims.nbf)}"
    sequence, _, token_id = highest or token.rank
    return Reason.SUPERSEDED, (
        f"license {token_id} of the same series, with sequence {sequence}, takes the place of this one "
        f"(sequence {claims.license.sequence})"
    )


def _sequence_findings(token: VerifiedToken, group: Sequence[VerifiedToken]) -> tuple[Finding, ...]:
    rivals = sorted(
        other.claims.jti
        for other in group
        if other.claims.license.sequence == token.claims.license.sequence and other.payload != token.payload
    )
    if not rivals:
        return ()
    return (
        Finding(
            Oddity.SEQUENCE_CONFLICT,
            f"license {', '.join(rivals)} has the same series and sequence; the one that was issued later counts",
        ),
    )


def _product_findings(token: VerifiedToken, registry: VendorRegistry) -> tuple[Finding, ...]:
    vendor = registry.get(token.vendor)
    unlisted = sorted(
        {grant.product for grant in token.claims.license.grants if not (vendor and vendor.lists(grant.product))}
    )
    if not unlisted:
        return ()
    return (
        Finding(
            Oddity.PRODUCT_NOT_LISTED,
            f"it grants {', '.join(unlisted)}, which spec.products of Vendor {token.vendor} does not list: "
            "these grants carry no rights",
        ),
    )


def _next_change(tokens: Iterable[VerifiedToken], memory: Memory, clock: int) -> int | None:
    changes = (next_change(token, memory.now(token.claims.iss, clock)) for token in tokens)
    return min((change for change in changes if change is not None), default=None)
