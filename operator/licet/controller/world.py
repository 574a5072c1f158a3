"""All that the controller knows of the cluster, in memory: fed by watches, asked by reconcilers; no I/O."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final, Self

from licet.cluster.ledger import Ledger
from licet.cluster.records import LicenseRecord
from licet.cluster.resource import BREAK_GLASSES, ENTITLEMENTS, INSTALLATIONS, LICENSES, VENDORS, Resource
from licet.controller.children import Children
from licet.controller.entitlements import EntitlementRecord, Entitlements, ProductKey
from licet.controller.findings import Finding, find, needs_license
from licet.controller.images import RunningImages
from licet.controller.judging import Judging
from licet.controller.observed import Observed, Written
from licet.controller.releases import ReleaseKey, Releases, Revision
from licet.controller.sources import Sources
from licet.controller.uses import BreakGlassRecord
from licet.controller.workloads import Ref, Workload
from licet.core.allocation import Allocation, Key, Reservation, allocate
from licet.core.breakglass import Emergency
from licet.core.evaluate import Rights, evaluate
from licet.core.licenses import Assessment, CountingLicense
from licet.core.memory import Memory
from licet.core.namespaces import Namespace
from licet.core.reasons import Reason
from licet.core.subjects import Subject
from licet.core.vendors import VendorRegistry
from licet.resources.installation import RELEASE_KINDS, InstallationStatus, PastChart, Source, SourceKind

OWN_KINDS: Final = (VENDORS, LICENSES, ENTITLEMENTS, INSTALLATIONS, BREAK_GLASSES)
EMPTY: Final = Assessment(standings={}, counting=(), memory=Memory(), next_change=None)


@dataclass(frozen=True, slots=True)
class InstallationRecord:
    """What of an Installation's status is carried on."""

    first_seen: int | None = None
    history: tuple[PastChart, ...] = ()
    source: Source | None = None

    @property
    def is_of_release(self) -> bool:
        """Tell whether it is the Installation of a release, or nobody has said yet what it is of."""
        return self.source is None or self.source.kind in RELEASE_KINDS

    @classmethod
    def read(cls, obj: Mapping[str, Any]) -> Self:
        """Read an Installation as the API server gives it."""
        status = InstallationStatus.model_validate(obj.get("status") or {})
        return cls(status.first_seen, status.history, status.source)


@dataclass(frozen=True, slots=True)
class Affected:
    """What a new assessment may change."""

    entitlements: frozenset[Key]
    installations: frozenset[ReleaseKey]


@dataclass
class World:
    """The cluster as known; `assessment` is the last one that was made."""

    ledger: Ledger
    memory: Memory = field(default_factory=Memory)
    assessment: Assessment = EMPTY
    unread: dict[str, LicenseRecord] = field(default_factory=dict)  # Licenses as they are once their Secret was read
    observed: dict[Resource, dict[Key, Observed]] = field(default_factory=lambda: {kind: {} for kind in OWN_KINDS})
    entitlements: Entitlements = field(default_factory=Entitlements)
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    children: Children = field(default_factory=Children)
    releases: Releases = field(default_factory=Releases)
    subjects: dict[ReleaseKey, Mapping[str, tuple[Subject, ...]]] = field(default_factory=dict)  # by the revision's UID
    installations: dict[ReleaseKey, InstallationRecord] = field(default_factory=dict)
    sources: Sources = field(init=False)  # of workloads
    workloads_listed: Callable[[], bool] = lambda: True  # whether all workloads are known
    licensed: dict[ReleaseKey, Mapping[ProductKey, bool]] = field(default_factory=dict)  # by Installation and product
    break_glasses: dict[str, BreakGlassRecord] = field(default_factory=dict)
    policies: dict[str, Written] = field(default_factory=dict)
    judging: dict[str, Judging] = field(default_factory=dict)  # of workloads, by Vendor
    images: RunningImages = field(default_factory=RunningImages)
    _rights: defaultdict[ProductKey, dict[str, Rights]] = field(default_factory=lambda: defaultdict(dict))
    _allocations: dict[ProductKey, Allocation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sources = Sources(self.releases.__contains__)

    @property
    def registry(self) -> VendorRegistry:
        """The Vendors."""
        return self.ledger.registry

    @property
    def cluster(self) -> str:
        """The cluster's UID: that of its namespace `kube-system`."""
        return self.ledger.cluster or ""

    def namespace(self, name: str) -> Namespace:
        """Give a namespace; one that is not known yet has no labels so far."""
        return self.namespaces.get(name) or Namespace(name)

    def refers_to_secret(self, name: str) -> bool:
        """Tell whether a License refers to a Secret of the operator's namespace."""
        unread = (record.token_from for record in self.unread.values())
        return any(each is not None and each.name == name for each in (*unread, *self.ledger.references()))

    def emergency(self, release: ReleaseKey, instant: int) -> Emergency:
        """Give the BreakGlasses that a release had when it began a revision, in epoch seconds of the API server."""
        break_glasses = (record.break_glass for record in self.break_glasses.values())
        return Emergency.of(break_glasses, release[1], release[:1], now=instant).when(instant)

    def rights(self, namespace: str, product: ProductKey) -> Rights:
        """Give the rights of a namespace in a product by the last assessment."""
        by_namespace = self._rights[product]
        if namespace not in by_namespace:
            by_namespace[namespace] = evaluate(self.assessment, *product, self.namespace(namespace))
        return by_namespace[namespace]

    def allocation(self, product: ProductKey) -> Allocation:
        """Give the allocation of a product's limits among its Entitlements, by the last assessment."""
        known = self._allocations.get(product)
        if known is None:
            known = allocate(self.reservations(product), lambda namespace: self.rights(namespace, product))
            self._allocations[product] = known
        return known

    def reservations(self, product: ProductKey) -> list[Reservation]:
        """List the reservations of a product's Entitlements."""
        requests = (self.entitlements.records[key].request for key in self.entitlements.by_product[product])
        return [Reservation(request.key, request.created, request.limits) for request in requests if request.limits]

    def adopt(self, assessment: Assessment) -> Affected:
        """Take in a new assessment; gives what may have to be written anew."""
        before, self.assessment, self.memory = self.assessment, assessment, assessment.memory
        affected: set[Key] = set()
        products: set[ProductKey] = set()
        for product, changed in _changed_licenses(before, assessment).items():
            products.add(product)
            self._rights.pop(product, None)
            self._allocations.pop(product, None)
            keys = self.entitlements.by_product.get(product, set())
            if self.reservations(product):
                affected |= keys  # a pool that grew or shrank shifts who gets what
            else:
                affected.update(
                    key for key in keys if any(license_.allows(self.namespace(key[0])) for license_ in changed)
                )
        products.update(product for product, _ in _waiting(before) ^ _waiting(assessment))
        return Affected(frozenset(affected), frozenset(self._installed(products)))

    def _installed(self, products: AbstractSet[ProductKey]) -> Iterator[ReleaseKey]:
        """List the Installations, made or to be made, that have something of one of these products."""
        for release, revisions in self.subjects.items():
            claims = (subject.claim for subjects in revisions.values() for subject in subjects)
            if any((claim.vendor, claim.product) in products for claim in claims):
                yield release
        for installation, licensed in self.licensed.items():
            if not products.isdisjoint(licensed):
                yield installation

    def history(self, installation: ReleaseKey) -> tuple[PastChart, ...]:
        """Give what an Installation remembers."""
        return self.installations.get(installation, InstallationRecord()).history

    # -- workloads -----------------------------------------------------------------------------------------------------

    def findings(self, source: Ref) -> tuple[Finding, ...]:
        """Judge what the workloads of a source have."""
        return find(self.sources.members(source), self.namespace, self.registry, self.assessment)

    def set_workload(self, ref: Ref, old: Workload | None, new: Workload | None) -> list[Ref]:
        """Take in a workload, or its deletion; gives the sources whose Installations may have to be written anew."""
        concerned = self.sources.set(ref, new)
        if not self.ledger.vendors:
            return []  # as at the start, when all workloads are heard of
        inside = (workload for _, workload in self.sources.within(ref))
        if any(needs_license(each, self.registry) for each in (old, *inside) if each is not None):
            return list(concerned)
        installed = self.observed[INSTALLATIONS]
        return [source for source in concerned if self.sources.installation(source) in installed]

    def set_revision(
        self, namespace: str, old: Revision | None, new: Revision | None
    ) -> tuple[frozenset[ReleaseKey], frozenset[Ref]]:
        """Take in a revision of a release, or its deletion.

        Gives the releases that this concerns, and what else its workloads may be, or have been, taken to be brought by.
        """
        of_releases = {Ref(namespace, SourceKind.RELEASE, each.release) for each in (old, new) if each is not None}
        before = self._brought_by(of_releases)
        concerned = self.releases.set(namespace, old, new)
        return concerned, (before ^ self._brought_by(of_releases)) - of_releases

    def _brought_by(self, releases: AbstractSet[Ref]) -> frozenset[Ref]:
        """Give the sources of the protected workloads that say they are of some releases."""
        return frozenset(
            self.sources.of(ref)
            for release in releases
            for ref, workload in self.sources.within(release)
            if needs_license(workload, self.registry)
        )

    def protected_sources(self, namespace: str | None = None) -> frozenset[Ref]:
        """Give the sources of all workloads, or of those of one namespace, that need a license."""
        if not self.ledger.vendors:
            return frozenset()
        return frozenset(
            self.sources.of(ref)
            for ref, workload in self.sources
            if namespace in {None, ref.namespace} and needs_license(workload, self.registry)
        )

    def forget_subjects(self) -> frozenset[ReleaseKey]:
        """Forget which protected charts the releases have, since what is protected changed; gives all releases."""
        self.subjects.clear()
        return frozenset(self.releases)

    def set_namespace(self, name: str, namespace: Namespace | None) -> frozenset[Key]:
        """Take in a namespace, or its deletion; gives the Entitlements that may have to be projected anew."""
        if namespace is None:
            self.namespaces.pop(name, None)
        else:
            self.namespaces[name] = namespace
        for by_namespace in self._rights.values():
            by_namespace.pop(name, None)
        affected = set(self.entitlements.by_namespace.get(name, ()))
        for product in {self.entitlements.records[key].product for key in affected}:
            self._allocations.pop(product, None)
            if self.reservations(product):
                affected |= self.entitlements.by_product[product]
        return frozenset(affected)

    def set_entitlement(self, key: Key, record: EntitlementRecord | None) -> frozenset[Key]:
        """Take in an Entitlement, or its deletion; gives those that may have to be projected anew."""
        old = self.entitlements.records.get(key)
        contested = {child for each in (old, record) if each is not None for child in each.child_keys()}
        self.entitlements.set(key, record)
        affected = {key}
        if _reserves(old) != _reserves(record):
            for product in {each.product for each in (old, record) if each is not None}:
                self._allocations.pop(product, None)
                affected |= self.entitlements.by_product[product]
        for child in contested:
            affected |= self.entitlements.by_target.get(child, set())
        return frozenset(affected)


def _reserves(record: EntitlementRecord | None) -> object:
    """Give what an Entitlement's share of a pool depends on; None where it reserves nothing."""
    return (record.product, record.age, record.request.limits) if record is not None and record.request.limits else None


def _changed_licenses(before: Assessment, after: Assessment) -> dict[ProductKey, list[CountingLicense]]:
    """Give, by product, the licenses that came to count, ceased to, or count otherwise."""
    changed: dict[ProductKey, list[CountingLicense]] = {}
    for product in before.by_product.keys() | after.by_product.keys():
        old = {_signature(license_): license_ for license_ in before.by_product.get(product, ())}
        new = {_signature(license_): license_ for license_ in after.by_product.get(product, ())}
        if differing := old.keys() ^ new.keys():
            changed[product] = [(old.get(signature) or new[signature]) for signature in differing]
    return changed


def _signature(license_: CountingLicense) -> tuple[object, ...]:
    products = tuple(grant.product for grant in license_.grants)
    return license_.token.text, license_.phase, license_.licenses, license_.scopes, products


def _waiting(assessment: Assessment) -> frozenset[tuple[ProductKey, object]]:
    """Give, with their products, the licenses that have not begun, as what is not licensed names them."""
    return frozenset(
        ((standing.token.vendor, grant.product), (standing.name, standing.message, standing.token.text, standing.scope))
        for standing in assessment.standings.values()
        if standing.token is not None and standing.reason is Reason.NOT_YET_VALID
        for grant in standing.token.claims.license.grants
    )
