"""What the controller knows, as metrics that are made when they are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

import prometheus_client
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from licet.cluster.resource import BREAK_GLASSES
from licet.controller.world import World
from licet.resources.meta import ConditionStatus, ConditionType, find


@contextmanager
def exported(world: World) -> Iterator[None]:
    """Serve the metrics of a world while the block runs."""
    collector = _WorldCollector(world)
    prometheus_client.REGISTRY.register(collector)
    try:
        yield
    finally:
        prometheus_client.REGISTRY.unregister(collector)


class _WorldCollector(Collector):
    def __init__(self, world: World) -> None:
        self._world = world

    def describe(self) -> Iterator[Metric]:
        """Name the metrics without making them."""
        yield _entitlement_states()
        yield _licensed_installations()
        yield _open_break_glasses()

    def collect(self) -> Iterator[Metric]:
        """Make the metrics."""
        states = _entitlement_states()
        for (namespace, name), record in self._world.entitlements.records.items():
            rights = self._world.rights(namespace, record.product)
            states.add_metric([namespace, name, *record.product, rights.state], 1)
        yield states
        installations = _licensed_installations()
        for (namespace, name), products in self._world.licensed.items():
            installed = self._world.installations.get((namespace, name))
            kind = installed.source.kind if installed is not None and installed.source is not None else ""
            for (vendor, product), licensed in products.items():
                installations.add_metric([namespace, name, kind, vendor, product], int(licensed))
        yield installations
        emergencies = _open_break_glasses()
        for (_, name), observed in self._world.observed[BREAK_GLASSES].items():
            active, known = find(observed.conditions, ConditionType.ACTIVE), self._world.break_glasses.get(name)
            if active is not None and active.status is ConditionStatus.TRUE and known is not None:
                emergencies.add_metric([name, known.break_glass.namespace, known.break_glass.release], 1)
        yield emergencies


def _entitlement_states() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "licet_entitlement_state",
        "1 for the state that an Entitlement has: Active, Grace, Expired or Unlicensed.",
        labels=["namespace", "entitlement", "vendor", "product", "state"],
    )


def _licensed_installations() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "licet_installation_licensed",
        "1 where licenses cover all that an Installation has of a product, else 0.",
        labels=["namespace", "installation", "kind", "vendor", "product"],
    )


def _open_break_glasses() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "licet_break_glass_open",
        "1 for each BreakGlass that is open: it lets a release in that no license covers.",
        labels=["break_glass", "namespace", "release"],
    )
