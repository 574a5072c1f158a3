"""A gate without a cluster: what it knows, and what it would find if it looked, are tables that tests fill."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from licet.cluster.records import LicenseRecord, VendorRecord, read_break_glass
from licet.core.flux import SourceRef
from licet.core.gitops import RequestedChart
from licet.core.namespaces import Namespace
from licet.gate.cache import Cache, Facts, Place
from licet.gate.deliberation import Decision
from licet.gate.judge import Judge
from licet.gate.live import LiveReadError
from licet.gate.requests import RequestJudge
from licet.gate.review import read_review, release_object
from support.admission import encoded, review
from support.vendor_simulator import CLUSTER, DAY, NOW, VendorSimulator


class Tables(Cache):
    """A cache, filled with manifests."""

    def apply(self, *manifests: dict[str, Any]) -> None:
        for manifest in manifests:
            name = manifest["metadata"]["name"]
            if manifest["kind"] == "Vendor":
                self.set_vendor(name, VendorRecord.read(manifest))
            elif manifest["kind"] == "BreakGlass":
                self.set_break_glass(name, read_break_glass(manifest))
            else:
                self.set_license(name, LicenseRecord.read(manifest))

    def add_namespaces(self, *names: str, **labels: str) -> None:
        for name in names:
            self.set_namespace(name, Namespace(name, labels))


@dataclass
class Scene:
    """`known` is what the gate knows; `truth` what it finds when it looks, unless `unreachable` or too slow."""

    vendor: VendorSimulator
    known: Tables = field(default_factory=lambda: Tables(CLUSTER))
    truth: Tables = field(default_factory=lambda: Tables(CLUSTER))
    unreachable: bool = False
    look_seconds: float = 0
    looks: int = 0
    sources: dict[SourceRef, RequestedChart] = field(default_factory=dict)
    asked_for: list[SourceRef] = field(default_factory=list)
    now: int = NOW + DAY

    def __post_init__(self) -> None:
        self.judge = Judge(self.known, self._look, clock=lambda: self.now)
        self.requests = RequestJudge(
            self.known, self._look, self._chart_of, namespace="licet-system", clock=lambda: self.now
        )

    def both(self, act: Callable[[Tables], None]) -> None:
        """Do the same to what is known and to what is true."""
        act(self.known)
        act(self.truth)

    def license(self, *tables: Tables, scope: dict[str, Any] | None = None, **claims: Any) -> None:
        """Put a License for versions 2 of the chart into these tables, or both."""
        charts = [{"name": "acme-platform", "versions": ">=2.0.0 <3.0.0"}]
        token = self.vendor.token(**{"charts": charts, "plan": "pro", **claims})
        manifest = self.vendor.license_manifest("acme-prod", token, **({"allowedNamespaces": scope} if scope else {}))
        for each in tables or (self.known, self.truth):
            each.apply(manifest)

    async def decide(self, secret: dict[str, Any], *, seconds: float = 4, **changes: Any) -> Decision:
        """Have a release judged; `changes` are to the AdmissionReview."""
        request = read_review(encoded(review(secret, **changes)))
        found = release_object(request)
        assert found is not None
        return await self.judge.decide(request, found, deadline=asyncio.get_running_loop().time() + seconds)

    async def decide_on(
        self, obj: dict[str, Any], old: dict[str, Any] | None = None, *, seconds: float = 4, **changes: Any
    ) -> Decision | None:
        """Have an object of a GitOps tool judged that is created, or updated from `old`."""
        request = read_review(encoded(review(obj, old, **changes)))
        return await self.requests.decide(request, deadline=asyncio.get_running_loop().time() + seconds)

    async def _chart_of(self, source: SourceRef) -> RequestedChart | None:
        self.asked_for.append(source)
        return self.sources.get(source)

    async def _look(self, place: Place) -> Facts:
        self.looks += 1
        await asyncio.sleep(self.look_seconds)
        if self.unreachable:
            raise LiveReadError("connection refused")
        facts = self.truth.facts(place, self.now)
        assert facts is not None
        return facts


@pytest.fixture
def scene() -> Scene:
    """A vendor that is trusted, two namespaces, and no license."""
    made = Scene(VendorSimulator())
    made.both(lambda tables: tables.apply(made.vendor.vendor_manifest()))
    made.both(lambda tables: tables.add_namespaces("prod-eu", "prod-us"))
    return made
