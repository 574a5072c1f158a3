"""What the controller knows, as metrics that are made when they are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

import prometheus_client
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from licet.controller.world import World


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

    def collect(self) -> Iterator[Metric]:
        """Make the metrics."""
        states = _entitlement_states()
        for (namespace, name), record in self._world.entitlements.records.items():
            rights = self._world.rights(namespace, record.product)
            states.add_metric([namespace, name, *record.product, rights.state], 1)
        yield states


def _entitlement_states() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "licet_entitlement_state",
        "1 for the state that an Entitlement has: Active, Grace, Expired or Unlicensed.",
        labels=["namespace", "entitlement", "vendor", "product", "state"],
    )
