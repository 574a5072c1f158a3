from dataclasses import replace

import pytest

from licet.core.breakglass import BreakGlass
from licet.core.namespaces import Namespace
from licet.core.openings import Opening, openings
from support.assessing import assess_tokens, registry_of
from support.vendor_simulator import NOW, VendorSimulator

OPEN = BreakGlass("web-1", "prod-eu", "web", "jane", "database on fire", created=NOW, until=NOW + 3600)
OPENING = Opening("web-1", "prod-eu", "web", NOW + 3600, ("acme-platform",))
RELEASE, HOOK = "meta.helm.sh/release-name", "helm.sh/hook"


def opened(*break_glasses: BreakGlass, vendor: str = "acme", now: int = NOW, **claims: object) -> tuple[Opening, ...]:
    vendors = VendorSimulator(), VendorSimulator(name="other", product="tool")
    assessment = assess_tokens(vendors, [vendors[0].token(**claims)], clock=now)
    return openings(vendor, break_glasses, Namespace, registry_of(*vendors), assessment, now=now)


def test_open_break_glasses_let_in_the_products_of_each_vendor():
    assert opened(OPEN) == (OPENING,)
    assert opened(OPEN, vendor="other") == (replace(OPENING, products=("tool",)),)


def test_break_glass_that_has_ended_or_not_begun_lets_nothing_in():
    assert opened(OPEN, now=OPEN.until) == ()
    assert opened(replace(OPEN, created=NOW + 86_400, until=NOW + 90_000)) == ()


def test_opening_lasts_a_day_at_most():
    (opening,) = opened(replace(OPEN, until=NOW + 10**7))
    assert opening.until == NOW + 86_400


def test_products_that_a_license_rules_out_are_not_let_in():
    assert opened(OPEN, breakGlass=False) == ()
    assert opened(OPEN, vendor="other", breakGlass=False)


def test_charts_that_are_listed_stand_for_their_products():
    narrow = replace(OPEN, charts=(("acme-platform", "3.1.0"),))
    assert opened(narrow) == (OPENING,)
    assert opened(narrow, vendor="other") == ()


def test_equal_circumstances_give_equal_values():
    other = replace(OPEN, name="api-1", release="api")
    assert opened(OPEN, other) == opened(other, OPEN)


@pytest.mark.parametrize(
    ("annotations", "namespace", "now", "let_in"),
    [
        ({RELEASE: "web"}, "prod-eu", NOW, True),
        ({RELEASE: "api"}, "prod-eu", NOW, False),
        ({}, "prod-eu", NOW, False),
        ({HOOK: "pre-install"}, "prod-eu", NOW, True),
        ({RELEASE: "web"}, "prod-us", NOW, False),
        ({HOOK: "pre-install"}, "prod-us", NOW, False),
        ({RELEASE: "web"}, "prod-eu", NOW + 3599, True),
        ({RELEASE: "web"}, "prod-eu", NOW + 3600, False),
    ],
)
def test_objects_of_the_release_are_let_in_until_it_ends(annotations, namespace, now, let_in):
    assert OPENING.lets_in(annotations, namespace, now) is let_in
