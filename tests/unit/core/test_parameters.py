"""The parameters of the admission policies: what is told of a Vendor and its licenses."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core.globs import Glob
from licet.core.images import Mirror
from licet.core.intervals import Interval
from licet.core.licenses import assess
from licet.core.memory import Memory
from licet.core.namespaces import NamespaceScope, Operator, Requirement
from licet.core.parameters import Pattern, Scope, SelectorTerm, VendorParameters, vendor_parameters
from licet.core.reasons import Enforcement
from licet.core.vendors import Product, Vendor, VendorRegistry
from licet.core.workloads import PastWorkloads
from support.assessing import candidates_of
from support.properties import quick
from support.vendor_simulator import ABSENT, DAY, NOW, YEAR, VendorSimulator

globs = st.text(alphabet="ab.*/:-", min_size=1, max_size=8).filter(lambda text: text.strip("*"))
names = st.text(alphabet="ab./:-x", max_size=10)


def parameters(
    *tokens: str,
    vendor: VendorSimulator | None = None,
    clock: int = NOW,
    scopes: dict[str, NamespaceScope] | None = None,
    past: dict[str, PastWorkloads] | None = None,
    others: tuple[Vendor, ...] = (),
    **changes: object,
) -> VendorParameters:
    mine = (vendor or VendorSimulator(NOW)).vendor(**changes)
    registry = VendorRegistry([mine, *others])
    candidates = candidates_of(registry, {f"license-{number}": token for number, token in enumerate(tokens)}, scopes)
    return vendor_parameters(mine, registry, assess(candidates, registry, Memory(), clock), past or {})


@quick
@given(globs, names)
def test_a_pattern_matches_what_its_glob_does(text, name):
    glob = Glob(text)
    pattern = Pattern.of(glob)
    assert bool(re.match(pattern.expression, name) and name.startswith(pattern.prefix)) == glob.matches(name)


def test_the_most_specific_pattern_comes_first():
    products = (
        Product("all", images=(Glob.parse("reg.example/*"),)),
        Product("api", images=(Glob.parse("reg.example/api"), Glob.parse("REG.example/a*"))),
    )
    found = parameters(products=products).images
    assert [(each.pattern.prefix, each.product) for each in found] == [
        ("reg.example/api", "api"),
        ("reg.example/a", "api"),
        ("reg.example/", "all"),
    ]


def test_a_right_tells_what_its_license_covers_and_until_when():
    vendor = VendorSimulator(NOW)
    images = [{"repository": "Registry.example/*", "tags": ">=2.0.0 <3.0.0 || latest", "channels": ["rc"]}]
    token = vendor.token(images=images, gracePeriod="P1D", bindings={"namespaces": ["prod-*"]})
    (right,) = parameters(token, vendor=vendor).rights
    assert (right.license, right.product, right.trial) == ("license-0", "acme-platform", False)
    assert right.until == NOW + YEAR + DAY
    assert right.namespaces == (Pattern("prod-", "^prod-.*$"),)
    (covered,) = right.images or ()
    assert covered.pattern == Pattern("registry.example/", "^registry[.]example/.*$")
    assert (covered.every, covered.tags, covered.channels) == (False, ("latest",), ("rc",))
    assert (covered.releases, covered.prereleases) == ((Interval("2.0.0", "3.0.0"),), ())


def test_an_absent_restriction_is_absent_and_an_empty_one_is_empty():
    vendor = VendorSimulator(NOW)
    (right,) = parameters(vendor.token(), vendor=vendor).rights
    assert (right.images, right.charts, right.namespaces, right.scope) == (None, None, None, None)
    (right,) = parameters(vendor.token(images=[], charts=[], bindings={"namespaces": []}), vendor=vendor).rights
    assert (right.images, right.charts, right.namespaces) == ((), (), ())


def test_absent_versions_are_every_version():
    vendor = VendorSimulator(NOW)
    entries = {"images": [{"repository": "*"}], "charts": [{"name": "*"}]}
    (right,) = parameters(vendor.token(**entries), vendor=vendor).rights
    assert [each.every for each in (*(right.images or ()), *(right.charts or ()))] == [True, True]


def test_a_license_that_is_over_or_has_not_begun_gives_no_right():
    vendor = VendorSimulator(NOW)
    tokens = (vendor.expired_token(), vendor.early_token(), vendor.token_in_grace())
    assert [right.license for right in parameters(*tokens, vendor=vendor).rights] == ["license-2"]


def test_each_license_that_carries_a_token_gives_a_right_of_its_own_scope():
    vendor = VendorSimulator(NOW)
    token = vendor.token()
    selector = (Requirement("team", Operator.IN, frozenset({"web", "pay"})),)
    scopes = {"license-0": NamespaceScope(frozenset({"prod"})), "license-1": NamespaceScope(frozenset(), selector)}
    found = parameters(token, token, vendor=vendor, scopes=scopes)
    assert [right.scope for right in found.rights] == [
        Scope(("prod",), None),
        Scope((), (SelectorTerm("team", Operator.IN, ("pay", "web")),)),
    ]


def test_of_licenses_that_grant_the_same_the_one_that_lasts_is_told_of():
    vendor = VendorSimulator(NOW)
    ends = (NOW + DAY, NOW + 3 * DAY, NOW + 2 * DAY)
    tokens = [vendor.token(series=str(number), exp=end) for number, end in enumerate(ends)]
    other = vendor.token(series="other", images=[])
    found = parameters(*tokens, other, vendor=vendor).rights
    assert [(right.license, right.until) for right in found] == [("license-1", ends[1]), ("license-3", NOW + YEAR)]


def test_rights_are_those_of_the_vendor_alone():
    other = VendorSimulator(NOW, name="other", product="other-app")
    assert parameters(other.token(), others=(other.vendor(),)).rights == ()


def test_what_no_interval_can_say_is_left_to_the_gate_and_listed():
    vendor = VendorSimulator(NOW)
    token = vendor.token(charts=[{"name": "acme-*", "versions": "!=1.2-rc"}])
    found = parameters(token, vendor=vendor)
    assert (found.rights[0].charts or ())[0].every
    assert found.unexpressed == (
        "license lic_0001: !=1.2-rc rules out one pre-release of every patch, which is no interval",
    )


OLDER, YOUNGER = "2025-01-01T00:00:00Z", "2027-01-01T00:00:00Z"


@pytest.mark.parametrize(("created", "holds"), [(OLDER, True), (YOUNGER, False)])
def test_claims_of_older_vendors_hold(created, holds):
    product = Product("acme-platform", (Glob.parse("acme-platform-x"),), (Glob.parse("registry.example/acme*"),))
    rival = VendorSimulator(NOW, name="rival").vendor(created=created, products=(product,))
    found = parameters(others=(rival,))
    assert [each.vendor for each in found.elsewhere] == ["rival"] * holds
    assert found.products == (() if holds else ("acme-platform",))
    if holds:
        assert [each.prefix for each in found.elsewhere[0].charts] == ["acme-platform-x"]


def test_an_older_vendor_that_claims_something_else_is_left_out_unless_mirrors_could_mix_them_up():
    rival = VendorSimulator(NOW, name="rival", product="other").vendor(created=OLDER)
    assert parameters(others=(rival,)).elsewhere == ()
    mirrors = (Mirror.of("registry.example", "harbor.example"),)
    assert [each.vendor for each in parameters(others=(rival,), mirrors=mirrors).elsewhere] == ["rival"]


def test_what_ran_is_listed_in_order_and_only_where_something_did():
    past = {
        "b": PastWorkloads(frozenset({"reg/y:1", "reg/x:1"}), frozenset({("web", "1.0.0")})),
        "a": PastWorkloads(frozenset({"reg/z:1"})),
        "c": PastWorkloads(),
    }
    found = parameters(past=past).past
    assert [(each.namespace, each.images, each.charts) for each in found] == [
        ("a", ("reg/z:1",), ()),
        ("b", ("reg/x:1", "reg/y:1"), ("web 1.0.0",)),
    ]


def test_enforcement_is_the_vendors():
    assert parameters(enforcement=Enforcement.WARN).enforcement is Enforcement.WARN


def test_equal_circumstances_give_equal_parameters():
    vendor = VendorSimulator(NOW)
    tokens = [vendor.token(series=series, bindings=ABSENT) for series in ("a", "b")]
    one = parameters(*tokens, vendor=vendor)
    assert one == parameters(*tokens, vendor=vendor)
