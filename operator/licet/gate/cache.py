"""What the gate knows of the cluster: tables that watches feed, and the facts about one release from them."""

from collections.abc import Iterable
from dataclasses import dataclass

from licet.cluster.ledger import Ledger
from licet.cluster.records import KeptToken, LicenseRecord, VendorRecord
from licet.core.breakglass import NO_EMERGENCY, BreakGlass, Emergency
from licet.core.licenses import Assessment
from licet.core.memory import Memory
from licet.core.namespaces import Namespace
from licet.core.vendors import VendorRegistry
from licet.core.verdict import RanHere

InstallationKey = tuple[str, str | None]
"""Namespace and name; None stands for all Applications in the namespace."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a release is to be: its namespaces, and the Installations that may remember it."""

    namespaces: tuple[str, ...]
    installation: InstallationKey | None
    release: str | None
    """Its name; None where that is not told without doubt."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What of the cluster the verdict about one release depends on."""

    registry: VendorRegistry
    assessment: Assessment
    namespaces: tuple[Namespace, ...]
    ran_here: RanHere
    emergency: Emergency = NO_EMERGENCY


def emergency_of(break_glasses: Iterable[BreakGlass], place: Place, clock: int) -> Emergency:
    """Give the BreakGlasses of a release, as they are at an instant in epoch seconds.

    What does not say without doubt which release it is has none.
    """
    if place.release is None:
        return NO_EMERGENCY
    return Emergency.of(break_glasses, place.release, place.namespaces, now=clock)


class Cache:
    """Tables of the objects that decisions depend on, and one assessment of all Licenses for as long as it holds.

    `cluster` is the UID of the namespace `kube-system`. What only the controller writes (kept tokens and memory) is
    never emptied by a deletion: whoever deletes it does not take rights away, or give them back, with it.
    """

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.memory = Memory()
        self._ledger = Ledger(cluster, kept_stand_in=True)
        self._namespaces: dict[str, Namespace] = {}
        self._installations: dict[InstallationKey, RanHere] = {}
        self._break_glasses: dict[str, BreakGlass] = {}
        self._assessment: Assessment | None = None
        self._assessed_at = 0

    @property
    def registry(self) -> VendorRegistry:
        """All Vendors."""
        return self._ledger.registry

    @property
    def kept(self) -> dict[str, KeptToken]:
        """The kept tokens, by the name of their License."""
        return self._ledger.kept

    def set_vendor(self, name: str, record: VendorRecord | None) -> None:
        """Take in a Vendor, or its deletion."""
        self._ledger.set_vendor(name, record)
        self._assessment = None

    def set_license(self, name: str, record: LicenseRecord | None) -> None:
        """Take in a License, or its deletion."""
        self._ledger.set_license(name, record)
        self._assessment = None

    def set_kept(self, tokens: dict[str, KeptToken] | None) -> None:
        """Take in the tokens that the controller keeps, by the name of their License."""
        if tokens is not None:
            self._ledger.kept = tokens
            self._assessment = None

    def set_memory(self, memory: Memory | None) -> None:
        """Take in the remembered marks and sequences."""
        if memory is not None:
            self.memory = memory
            self._assessment = None

    def set_namespace(self, name: str, namespace: Namespace | None) -> None:
        """Take in a namespace, or its deletion."""
        if namespace is None:
            self._namespaces.pop(name, None)
        else:
            self._namespaces[name] = namespace

    def set_installation(self, key: InstallationKey, ran_here: RanHere | None) -> None:
        """Take in what an Installation remembers, or its deletion."""
        if ran_here is None:
            self._installations.pop(key, None)
        else:
            self._installations[key] = ran_here

    def set_break_glass(self, name: str, break_glass: BreakGlass | None) -> None:
        """Take in a BreakGlass, or its deletion."""
        if break_glass is None:
            self._break_glasses.pop(name, None)
        else:
            self._break_glasses[name] = break_glass

    def assessment(self, clock: int) -> Assessment:
        """Judge all Licenses at an instant in epoch seconds, anew only when something has changed since."""
        known = self._assessment
        if (
            known is not None
            and self._assessed_at <= clock
            and (known.next_change is None or clock < known.next_change)
        ):
            return known
        self._assessment, self._assessed_at = self._ledger.assess(self.memory, clock), clock
        return self._assessment

    def facts(self, place: Place, clock: int) -> Facts | None:
        """Give what is known about a release's place; None while one of its namespaces is not known.

        A namespace that is new, or does not exist, may have labels that licenses ask for, or ask not to be there.
        """
        namespaces = tuple(filter(None, map(self._namespaces.get, place.namespaces)))
        if len(namespaces) < len(place.namespaces):
            return None
        ran_here = self._ran_here(place.installation) if place.installation else RanHere()
        emergency = emergency_of(self._break_glasses.values(), place, clock)
        return Facts(self.registry, self.assessment(clock), namespaces, ran_here, emergency)

    def _ran_here(self, key: InstallationKey) -> RanHere:
        if key[1] is not None:
            return self._installations.get(key, RanHere())
        return RanHere.of_applications(
            known for (namespace, _), known in self._installations.items() if namespace == key[0]
        )
