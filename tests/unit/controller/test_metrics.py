import prometheus_client

from licet.cluster.resource import BREAK_GLASSES
from licet.controller.metrics import exported
from licet.core.namespaces import Namespace
from support.known_world import KnownWorld
from support.vendor_simulator import NOW, YEAR, VendorSimulator


def states() -> dict[tuple[str, str], str]:
    """The state of each Entitlement as exported, by namespace and name."""
    samples = [
        sample
        for family in prometheus_client.REGISTRY.collect()
        if family.name == "licet_entitlement_state"
        for sample in family.samples
    ]
    assert all(sample.value == 1 for sample in samples)
    found = {(each.labels["namespace"], each.labels["entitlement"]): each.labels["state"] for each in samples}
    assert len(found) == len(samples), "each has one state"
    return found


def test_state_of_each_entitlement_is_exported_as_it_is_now():
    acme = VendorSimulator()
    known = KnownWorld(acme)
    prod, dev = known.entitle(), known.entitle(namespace="dev")
    with exported(known.world):
        assert states() == {prod: "Unlicensed", dev: "Unlicensed"}
        known.license("acme-prod", acme.token(gracePeriod="P14D"), allowedNamespaces={"names": ["prod-eu"]})
        known.assess()
        assert states() == {prod: "Active", dev: "Unlicensed"}
        known.assess(NOW + YEAR)
        assert states() == {prod: "Grace", dev: "Unlicensed"}
        known.world.set_entitlement(dev, None)
        known.world.set_namespace("dev", Namespace("dev"))
        assert states() == {prod: "Grace"}
    assert states() == {}


def test_state_says_of_which_product_it_is():
    known = KnownWorld()
    known.entitle()
    with exported(known.world):
        labels = {"namespace": "prod-eu", "entitlement": "platform", "vendor": "acme", "product": "acme-platform"}
        value = prometheus_client.REGISTRY.get_sample_value("licet_entitlement_state", labels | {"state": "Unlicensed"})
    assert value == 1


def test_break_glass_is_exported_while_it_is_open():
    known = KnownWorld()
    active = {"type": "Active", "reason": "Open", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    manifest = known.open_break_glass()
    del manifest["metadata"]["resourceVersion"]
    labels = {"break_glass": "platform-1", "namespace": "prod-eu", "release": "platform"}
    with exported(known.world):
        for status, value in (("True", 1), ("False", None)):
            known.take(BREAK_GLASSES, manifest | {"status": {"conditions": [active | {"status": status}]}})
            assert prometheus_client.REGISTRY.get_sample_value("licet_break_glass_open", labels) == value


def test_installation_is_exported_by_product_with_whether_it_is_licensed():
    known = KnownWorld()
    known.install("deployment.web", source={"kind": "Deployment", "name": "web"})
    known.world.licensed["prod-eu", "deployment.web"] = {("acme", "acme-platform"): True, ("globex", "db"): False}
    labels = {"namespace": "prod-eu", "installation": "deployment.web", "kind": "Deployment"}
    with exported(known.world):
        for vendor, product, value in (("acme", "acme-platform", 1), ("globex", "db", 0)):
            sought = labels | {"vendor": vendor, "product": product}
            assert prometheus_client.REGISTRY.get_sample_value("licet_installation_licensed", sought) == value
