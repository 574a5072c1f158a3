"""The policies' verdict on a real API server is the core's: thousands of ranges, versions, channels, names and times.

The parameters were written ten days ago, as if licet had stopped then. The core judges by today's time.
"""

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from controlplane import kubernetes_versions
from licet.core.images import Mirror
from licet.core.licenses import Assessment, assess
from licet.core.memory import Memory
from licet.core.namespaces import Namespace, NamespaceScope, Operator, Requirement
from licet.core.openings import HOOK_ANNOTATION, RELEASE_ANNOTATION, Opening
from licet.core.semver import Constraint
from licet.core.vendors import VendorRegistry
from licet.core.workloads import PastWorkloads, WorkloadVerdict, judge_images, judge_labels, licensed_tags
from support.assessing import candidates_of
from support.vendor_simulator import DAY, VendorSimulator
from support.workload_policies import PolicyCluster, image_pod

SEED = 20261122
ROUNDS, ROUNDS_ON_THE_OLDEST = 6, 2
VENDORS = 4  # in each round
CASES = 120  # of images for each vendor
STOPPED = 10 * DAY  # before now
NAMESPACES = (
    Namespace("diff-prod-eu", {"team": "pay"}),
    Namespace("diff-prod-us", {"team": "web", "tier": "1"}),
    Namespace("diff-test"),
)
RELEASES = ("web", "api")
DIGEST = f"sha256:{'5' * 64}"

OPERATORS = ("", "=", "!=", ">", ">=", "=>", "<", "<=", "=<", "~", "~>", "^")
PRERELEASES = ("0", "1", "rc", "rc.1", "rc1", "rc.2.x", "RC", "beta-1", "beta.11", "alpha", "a-.0", "20260101", "-")
CHANNELS = ("rc", "beta-", "alpha", "RC", "*", "a-")
PLACES = ("registry.example",) * 5 + ("Registry.Example", "registry.example:443", "other.example", "registry.example.")
ODD_TAGS = (
    *(
        "latest",
        "stable",
        "1_2",
        "v",
        "v1",
        "1.2-rc.1",
        "v2.x",
        "01.002.3",
        "1.2.3-01",
        "1.2.3-rc..1",
        "1.2.3.4",
        "vv1",
    ),
    *("2.0.0-0", "0.0.0", "0", "3-rc", "1.2.3-", "2.1.0--", "18446744073709551616.0.0", "18446744073709551615.0.0", ""),
)


SCOPES = (
    NamespaceScope(frozenset({"diff-prod-eu"})),
    NamespaceScope(frozenset(), (Requirement("team", Operator.IN, frozenset({"pay", "web"})),)),
    NamespaceScope(frozenset({"diff-test"}), (Requirement("tier", Operator.EXISTS),)),
    NamespaceScope(frozenset(), (Requirement("team", Operator.NOT_IN, frozenset({"pay"})),)),
    NamespaceScope(frozenset(), (Requirement("tier", Operator.DOES_NOT_EXIST),)),
    NamespaceScope(frozenset(), ()),
)


@dataclass(frozen=True)
class World:
    seed: int
    namespaces: tuple[Namespace, ...]
    vendors: tuple[VendorSimulator, ...]
    registry: VendorRegistry
    then: Assessment
    now: Assessment
    past: dict[str, PastWorkloads]
    openings: dict[str, tuple[Opening, ...]]

    def permits(
        self, verdicts: Iterable[WorkloadVerdict], namespace: Namespace, annotations: Mapping[str, str]
    ) -> bool:
        """What is to become of a workload with these annotations, of which these are the verdicts."""
        now = int(time.time())
        return all(
            verdict.permitted
            or any(
                verdict.claim.product in opening.products and opening.lets_in(annotations, namespace.name, now)
                for opening in self.openings[verdict.claim.vendor]
            )
            for verdict in verdicts
        )


class Dice:
    """Draws everything from one seed, so that a failure is seen again."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def number(self) -> int:
        return self.random.choice((0, 1, 1, 2, 2, 3, 4, 10))

    def release(self) -> str:
        return f"{self.number()}.{self.number()}.{self.number()}"

    def version(self) -> str:
        release = self.release()
        return release if self.random.random() < 0.6 else f"{release}-{self.random.choice(PRERELEASES)}"

    def bound(self) -> str:
        shape = self.random.random()
        if shape < 0.7:
            return self.version()
        if shape < 0.8:
            return f"{self.number()}.{self.number()}"
        return self.random.choice((f"{self.number()}.x", f"{self.number()}", "*", f"{self.number()}.{self.number()}.x"))

    def range(self) -> str:
        """One that intervals can say."""
        while True:
            alternatives = (
                " ".join(self.random.choice(OPERATORS) + self.bound() for _ in range(self.random.randint(1, 2)))
                if self.random.random() < 0.9
                else f"{self.release()} - {self.release()}"
                for _ in range(self.random.randint(1, 2))
            )
            text = " || ".join(alternatives)
            if not Constraint.parse(text).excludes_scattered:
                return text

    def channels(self) -> list[str]:
        return self.random.sample(CHANNELS, self.random.choice((0, 0, 1, 2)))

    def tags(self) -> str:
        parts = [self.range(), *self.random.sample(("latest", "stable", "v1", "1.2.3-01"), self.random.choice((0, 1)))]
        return " || ".join(parts)

    def annotations(self) -> dict[str, str]:
        """Mostly none; or those of what Helm makes."""
        release, hook = {RELEASE_ANNOTATION: self.random.choice(RELEASES)}, {HOOK_ANNOTATION: "post-upgrade"}
        return self.random.choice(({},) * 8 + (release, release, release | hook, hook))

    def opening(self, vendor: VendorSimulator, now: int) -> Opening:
        """One that is open or over, for this vendor's product or another."""
        return Opening(
            break_glass="web-1",
            namespace=self.random.choice(NAMESPACES).name,
            release=self.random.choice(RELEASES),
            until=now + self.random.choice((-DAY, -60, DAY, DAY)),
            products=self.random.choice(((vendor.product,), (vendor.product,), ("another",), ("a", vendor.product))),
        )

    def near(self, text: str) -> str:
        """A tag near those that the ranges name."""
        bound = self.random.choice(Constraint.parse(text).bounds)
        major, minor, patch = (max(0, number + self.random.choice((-1, 0, 0, 1))) for number in bound.numbers)
        prerelease = self.random.choice(("", "", bound.prerelease, self.random.choice(PRERELEASES)))
        return f"{major}.{minor}.{patch}" + (f"-{prerelease}" if prerelease else "")


def license_changes(dice: Dice, now: int, *, steady: bool) -> dict[str, object]:
    """Claims of a license that was good when licet stopped, and is over now, or not; of a steady one, it is not."""
    start = now - STOPPED - 30 * DAY
    if steady:
        return {"iat": start, "nbf": start, "exp": now + 300 * DAY}
    changes: dict[str, object] = {
        "iat": start,
        "nbf": start,
        "exp": now + dice.random.choice((-12, -9, -1, 1, 30, 300, 300)) * DAY,
        "gracePeriod": dice.random.choice(("P0D", "P0D", "P7D", "P30D")),
        "trial": dice.random.random() < 0.2,
    }
    if dice.random.random() < 0.3:
        changes["bindings"] = {"namespaces": dice.random.choice((["diff-prod-*"], ["*-eu", "diff-test"], ["*"], []))}
    return changes


@pytest.fixture(scope="module")
def namespaces(policies: PolicyCluster) -> tuple[Namespace, ...]:
    made = []
    for namespace in NAMESPACES:
        body = {"metadata": {"name": namespace.name, "labels": dict(namespace.labels)}}
        created = policies.cluster.request("POST", "/api/v1/namespaces", body)
        policies.await_default_account(namespace.name)
        made.append(Namespace(namespace.name, created["metadata"]["labels"]))
    return tuple(made)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask less on the oldest Kubernetes: versions differ in what compiles, which a few questions tell."""
    newest = metafunc.config.getoption("--kubernetes") == kubernetes_versions()[-1]
    if "world" in metafunc.fixturenames:
        rounds = range(ROUNDS if newest else ROUNDS_ON_THE_OLDEST)
        metafunc.parametrize("world", rounds, indirect=True, scope="module")


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, policies: PolicyCluster, namespaces: tuple[Namespace, ...]) -> World:
    now, seed = int(time.time()), SEED + 1000 * request.param
    dice = Dice(seed)
    vendors = tuple(VendorSimulator(now, name=f"v{number}", product=f"prod{number}") for number in range(VENDORS))
    registry = VendorRegistry(
        vendor.vendor(
            mirrors=(Mirror.of("registry.example", f"Harbor.example:5000/{vendor.name}"),), created=str(order)
        )
        for order, vendor in enumerate(vendors)
    )
    tokens: dict[str, str] = {}
    scopes: dict[str, NamespaceScope] = {}
    for vendor in vendors:
        for number in range(dice.random.choice((1, 2, 3))):
            steady = number == 0 and dice.random.random() < 0.7
            repository = "*" if steady else dice.random.choice(("*", "api", "Api*", "*p*"))
            images = [
                {
                    "repository": f"registry.example/{vendor.product}/{repository}",
                    **(
                        {}
                        if dice.random.random() < 0.1
                        else {"tags": f"1.x || {dice.tags()}", "channels": dice.channels()}
                    ),
                }
                for _ in range(dice.random.choice((1, 1, 2)))
            ]
            versions = f">=1.0.0 <4.0.0 || {dice.range()}" if steady else dice.range()
            charts = [{"name": f"{vendor.product}*", "versions": versions, "channels": dice.channels()}]
            name = f"{vendor.name}-{number}"
            tokens[name] = vendor.token(images=images, charts=charts, **license_changes(dice, now, steady=steady))
            if not steady and dice.random.random() < 0.4:
                scopes[name] = dice.random.choice(SCOPES)
    past = {
        "diff-test": PastWorkloads(
            frozenset(f"registry.example/prod{number}/api:9.9.9" for number in range(0, VENDORS, 2)),
            frozenset((f"prod{number}", "9.9.9") for number in range(0, VENDORS, 2)),
        )
    }
    candidates = candidates_of(registry, tokens, scopes)
    then, today = (assess(candidates, registry, Memory(), clock) for clock in (now - STOPPED, now))
    openings = {vendor.name: tuple(dice.opening(vendor, now) for _ in range(3)) for vendor in vendors}
    policies.publish(registry, then, past, openings=openings)
    return World(seed, namespaces, vendors, registry, then, today, past, openings)


def images_of(dice: Dice, world: World) -> Iterator[str]:
    for vendor in world.vendors:
        ranges = [
            versions.constraint.text
            for license_ in world.then.by_product.get((vendor.name, vendor.product), ())
            for grant in license_.grants
            for entry in grant.images or ()
            for versions in licensed_tags(entry).versions
            if versions.constraint is not None
        ]
        for _ in range(CASES):
            place = dice.random.choice((*PLACES, f"harbor.example:5000/{vendor.name}"))
            path = dice.random.choice(("api", "api", "app/x", "Web", "nothing"))
            tag = dice.random.choice(
                (dice.near(dice.random.choice(ranges or ["2.x"])), dice.version(), dice.random.choice(ODD_TAGS))
            )
            suffix = dice.random.choice(
                (*(f":{tag}",) * 12, f":v{tag}", f":{tag}@{DIGEST}", f"@{DIGEST}", "", ":9.9.9")
            )
            yield f"{place}/{vendor.product}/{path}{suffix}"


def test_images_are_judged_as_the_core_judges_them(policies: PolicyCluster, world: World) -> None:
    dice = Dice(world.seed + 1)
    seen = {True: 0, False: 0}
    for image in images_of(dice, world):
        namespace = dice.random.choice(world.namespaces)
        past = world.past.get(namespace.name, PastWorkloads())
        verdicts = judge_images([image], namespace, world.registry, world.now, past)
        annotations = dice.annotations()
        refusal = policies.refusal(namespace.name, image_pod(image, annotations=annotations))
        assert (refusal is None) == world.permits(verdicts, namespace, annotations), (
            image,
            namespace,
            annotations,
            refusal,
            verdicts,
        )
        for verdict in verdicts:
            seen[verdict.permitted] += 1
        if refusal is not None:
            assert f'licet: image {image} (Pod "web", namespace "{namespace.name}") is not licensed: ' in refusal
    assert sum(seen.values()) >= 340, seen  # over 2,000 in all rounds
    assert min(seen.values()) >= 40, seen


def test_labels_are_judged_as_the_core_judges_them(policies: PolicyCluster, world: World) -> None:
    dice = Dice(world.seed + 2)
    seen = {True: 0, False: 0}
    for _ in range(150):
        vendor, namespace = dice.random.choice(world.vendors), dice.random.choice(world.namespaces)
        labels = {}
        version = dice.random.choice(
            (dice.version(), "9.9.9", f"{dice.version()}_build.1-2", "3", "1.2", "x1", "2-3.1.0")
        )
        if dice.random.random() < 0.8:
            name = dice.random.choice((vendor.product, f"{vendor.product}-api", f"{vendor.product}-2", "web"))
            labels["helm.sh/chart"] = dice.random.choice(
                (f"{name}-{version}", name, f"{name}-{version}-{'x' * 50}"[:63])
            )
        if dice.random.random() < 0.4:
            labels["licet.dev/product"] = dice.random.choice((vendor.product, "nobody"))
            labels["licet.dev/version"] = dice.random.choice((version, dice.version()))
        labels = {key: value.rstrip("-_.") for key, value in labels.items()}
        past = world.past.get(namespace.name, PastWorkloads())
        verdicts = judge_labels(labels, namespace, world.registry, world.now, past)
        annotations = dice.annotations()
        refusal = policies.refusal(namespace.name, image_pod("nginx", labels=labels, annotations=annotations))
        assert (refusal is None) == world.permits(verdicts, namespace, annotations), (
            labels,
            namespace,
            annotations,
            refusal,
            verdicts,
        )
        for verdict in verdicts:
            seen[verdict.permitted] += 1
    assert min(seen.values()) >= 10, seen
