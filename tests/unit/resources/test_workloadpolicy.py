"""WorkloadPolicy objects, as the controller writes them for the admission policies."""

from licet.core.namespaces import NamespaceScope
from licet.core.openings import Opening
from licet.core.parameters import vendor_parameters
from licet.core.reasons import Enforcement
from licet.core.vendors import VendorRegistry
from licet.resources import WorkloadPolicy
from support.assessing import assess_tokens
from support.vendor_simulator import NOW, VendorSimulator


def policy(enforcement: Enforcement = Enforcement.ENFORCE, **options: tuple[str, ...]) -> WorkloadPolicy:
    vendor = VendorSimulator(NOW)
    token = vendor.token(images=[{"repository": "registry.example/*", "tags": "2.x"}])
    registry = VendorRegistry([vendor.vendor(enforcement=enforcement)])
    scopes = {"acme-prod": NamespaceScope(frozenset({"prod"}))}
    assessment = assess_tokens(vendor, {"acme-prod": token}, scopes=scopes)
    return WorkloadPolicy.of(vendor_parameters(next(iter(registry)), registry, assessment, {}), **options)


def test_it_is_named_after_its_vendor_and_labelled_for_its_binding() -> None:
    for enforcement in Enforcement:
        metadata = policy(enforcement).as_object()["metadata"]
        assert metadata == {
            "name": "acme",
            "labels": {"licet.dev/enforcement": enforcement.value, "app.kubernetes.io/part-of": "licet"},
        }


def test_it_says_what_the_core_found() -> None:
    (right,) = policy().as_json()["spec"]["rights"]
    assert right == {
        "license": "acme-prod",
        "product": "acme-platform",
        "trial": False,
        "until": "2027-01-01T00:00:00Z",
        "scope": {"names": ["prod"]},
        "images": [
            {
                "pattern": {"prefix": "registry.example/", "expression": "^registry[.]example/.*$"},
                "text": "2.x",
                "every": False,
                "tags": ["2.x"],
                "releases": [{"first": "2.0.0", "end": "3.0.0"}],
                "prereleases": [],
                "channels": [],
            }
        ],
    }


def test_lists_are_there_even_when_they_are_empty() -> None:
    """The policies look into each of them."""
    spec = policy(exempt_users=("jane",)).as_json()["spec"]
    assert spec["exemptUsers"] == ["jane"]
    assert [spec[name] for name in ("elsewhere", "mirrors", "past", "openings")] == [[], [], [], []]


def test_it_says_what_break_glasses_let_in() -> None:
    vendor = VendorSimulator(NOW)
    registry = VendorRegistry([vendor.vendor()])
    opening = Opening("web-1", "prod-eu", "web", NOW, ("acme-platform",))
    parameters = vendor_parameters(next(iter(registry)), registry, assess_tokens(vendor, []), {}, (opening,))
    assert WorkloadPolicy.of(parameters).as_json()["spec"]["openings"] == [
        {
            "breakGlass": "web-1",
            "namespace": "prod-eu",
            "release": "web",
            "until": "2026-01-01T00:00:00Z",
            "products": ["acme-platform"],
        }
    ]


def test_what_is_written_is_read_as_it_was() -> None:
    written = policy()
    assert WorkloadPolicy.model_validate(written.as_json()) == written
