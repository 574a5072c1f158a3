import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core.errors import VerificationError
from licet.core.globs import Glob
from licet.core.reasons import Reason
from licet.core.vendors import Product, ProductClaim, Vendor, VendorRegistry
from support.properties import quick


def vendor(name: str, *products: Product, issuer: str | None = None, created: str = "2026-01-01T00:00:00Z") -> Vendor:
    return Vendor(name, issuer or f"https://{name}.example", keys=None, products=products, created=created)


def product(name: str, *charts: str, images: tuple[str, ...] = ()) -> Product:
    return Product(name, tuple(map(Glob.parse, charts)), tuple(map(Glob.parse, images)))


# -- issuers -----------------------------------------------------------------------------------------------------------


def test_vendor_is_found_by_exactly_its_issuer():
    acme = vendor("acme")
    assert VendorRegistry([acme, vendor("other")]).for_issuer("https://acme.example") is acme


@pytest.mark.parametrize("issuer", ["https://acme.example/", "https://acme.exampl", "acme", ""])
def test_other_issuer_is_unknown(issuer):
    with pytest.raises(VerificationError) as caught:
        VendorRegistry([vendor("acme")]).for_issuer(issuer)
    assert caught.value.reason is Reason.UNKNOWN_VENDOR


def test_issuer_of_two_vendors_is_trusted_by_neither_whichever_is_older():
    registry = VendorRegistry([vendor("acme", created="2025"), vendor("zeta", issuer="https://acme.example")])
    with pytest.raises(VerificationError, match="acme, zeta have the same issuer") as caught:
        registry.for_issuer("https://acme.example")
    assert caught.value.reason is Reason.ISSUER_CONFLICT
    assert (registry.issuer_rivals("acme"), registry.issuer_rivals("zeta")) == (("zeta",), ("acme",))


def test_issuer_conflict_harms_no_third_vendor():
    rivals = [vendor("acme"), vendor("zeta", issuer="https://acme.example")]
    registry = VendorRegistry([*rivals, vendor("other")])
    assert registry.for_issuer("https://other.example").name == "other"
    assert registry.issuer_rivals("other") == ()
    assert registry.issuer_rivals("deleted-meanwhile") == ()


# -- claims ------------------------------------------------------------------------------------------------------------


def test_chart_and_image_are_claimed_by_pattern():
    registry = VendorRegistry([vendor("acme", product("web", "acme-web", "acme-web-*", images=("reg.example/web/*",)))])
    claim = ProductClaim("acme", "web")
    assert registry.claim_for_chart("acme-web") == registry.claim_for_chart("acme-web-ui") == claim
    assert registry.claim_for_image("reg.example/web/a/b") == claim
    assert registry.claim_for_chart("acme-website") is None
    assert registry.claim_for_image("acme-web") is None
    assert registry.claim_for_chart("reg.example/web/a") is None


def test_within_a_vendor_the_most_specific_pattern_decides_the_product():
    registry = VendorRegistry(
        [
            vendor(
                "acme",
                product("everything", "acme*", images=("reg.example/*",)),
                product("web", "acme-web*", images=("reg.example/web/*",)),
                product("exact", "acme-web", images=("reg.example/web/ui",)),
            )
        ]
    )
    charts = {"acme": "everything", "acme-db": "everything", "acme-web-ui": "web", "acme-web": "exact"}
    for chart, expected in charts.items():
        assert registry.claim_for_chart(chart) == ProductClaim("acme", expected)
    images = {"reg.example/db": "everything", "reg.example/web/x": "web", "reg.example/web/ui": "exact"}
    for image, expected in images.items():
        assert registry.claim_for_image(image) == ProductClaim("acme", expected)


@pytest.mark.parametrize(
    ("holder", "other"),
    [
        (("zeta", "2026-01-01T00:00:00Z"), ("acme", "2026-01-01T00:00:01Z")),
        (("acme", "2026-01-01T00:00:00Z"), ("zeta", "2026-01-01T00:00:00Z")),
    ],
    ids=["created first", "of the lesser name"],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_vendors_with_one_claim_the_first_holds_even_against_a_closer_pattern(holder, other, reverse):
    vendors = [
        vendor(holder[0], product("first", "web-*", images=("reg.example/*",)), created=holder[1]),
        vendor(other[0], product("second", "web-ui", images=("reg.example/ui",)), created=other[1]),
    ]
    registry = VendorRegistry(reversed(vendors) if reverse else vendors)
    assert registry.claim_for_chart("web-ui") == ProductClaim(holder[0], "first")
    assert registry.claim_for_image("reg.example/ui") == ProductClaim(holder[0], "first")
    assert registry.claim_conflicts(holder[0]) == ()
    found = {(conflict.pattern, conflict.other_vendor) for conflict in registry.claim_conflicts(other[0])}
    assert found == {("web-ui", holder[0]), ("reg.example/ui", holder[0])}


def test_claim_of_the_later_vendor_holds_where_the_first_has_none():
    registry = VendorRegistry(
        [
            vendor("acme", product("a", "web-ui")),
            vendor("zeta", product("z", "web-*"), created="2027-01-01T00:00:00Z"),
        ]
    )
    assert registry.claim_for_chart("web-db") == ProductClaim("zeta", "z")
    assert registry.claim_for_chart("web-ui") == ProductClaim("acme", "a")


def test_charts_and_images_do_not_conflict_with_each_other():
    registry = VendorRegistry([vendor("acme", product("a", "web-*")), vendor("zeta", product("z", images=("web-*",)))])
    assert registry.claim_conflicts("zeta") == ()


def test_patterns_of_one_vendor_do_not_conflict():
    registry = VendorRegistry([vendor("acme", product("a", "web-*"), product("b", "web-*"))])
    assert registry.claim_conflicts("acme") == ()
    assert registry.claim_for_chart("web-ui") == ProductClaim("acme", "b")


def test_vendors_with_one_issuer_still_protect_what_they_claim():
    registry = VendorRegistry(
        [vendor("acme", product("a", "web-*")), vendor("zeta", product("z", "db-*"), issuer="https://acme.example")]
    )
    assert registry.claim_for_chart("web-ui") == ProductClaim("acme", "a")
    assert registry.claim_for_chart("db-ui") == ProductClaim("zeta", "z")


def test_product_of_a_label_is_that_of_the_oldest_vendor_that_lists_it():
    registry = VendorRegistry(
        [vendor("zeta", product("web"), created="2025"), vendor("acme", product("web"), product("db"))]
    )
    assert registry.claim_for_product("web") == ProductClaim("zeta", "web")
    assert registry.claim_for_product("db") == ProductClaim("acme", "db")
    assert registry.claim_for_product("none") is None


def test_vendor_lists_its_products():
    acme = vendor("acme", product("web"))
    assert acme.lists("web")
    assert not acme.lists("we")
    assert VendorRegistry([acme]).get("acme") is acme
    assert VendorRegistry([acme]).get("other") is None


vendors = st.lists(
    st.builds(
        vendor,
        st.sampled_from(["a", "b", "c"]),
        st.builds(
            product,
            st.sampled_from(["p", "q"]),
            st.sampled_from(["web-*", "web-ui", "webby", "web*"]),
            images=st.just(()),
        ),
        issuer=st.sampled_from([None, "https://one.example"]),
        created=st.sampled_from(["2025", "2026"]),
    ),
    unique_by=lambda each: each.name,
)


@quick
@given(vendors, st.randoms(use_true_random=False), st.sampled_from(["web-ui", "web-db", "webby", "we"]))
def test_answers_do_not_depend_on_the_order_of_vendors(given_vendors, random, chart):
    shuffled = random.sample(given_vendors, len(given_vendors))
    one, other = VendorRegistry(given_vendors), VendorRegistry(shuffled)
    assert one.claim_for_chart(chart) == other.claim_for_chart(chart)
    assert list(one) == list(other)
    for each in given_vendors:
        assert one.claim_conflicts(each.name) == other.claim_conflicts(each.name)
        assert one.issuer_rivals(each.name) == other.issuer_rivals(each.name)


@quick
@given(vendors, st.sampled_from(["web-ui", "web-db", "webby"]))
def test_who_holds_a_claim_has_no_conflict_about_it(given_vendors, chart):
    registry = VendorRegistry(given_vendors)
    claim = registry.claim_for_chart(chart)
    claimants = [
        each for each in given_vendors if any(glob.matches(chart) for listed in each.products for glob in listed.charts)
    ]
    assert (claim is None) == (not claimants)
    for each in claimants:
        assert (claim is not None and each.name == claim.vendor) or registry.claim_conflicts(each.name)


def test_answers_about_names_of_any_length_are_right_and_long_names_are_not_kept():
    registry = VendorRegistry([vendor("acme", product("platform", "acme-*", images=("registry.acme.example/*",)))])
    tracemalloc.start()
    for number in range(20):
        end = f"{number}".rjust(100_000, "x")
        assert registry.claim_for_chart(f"acme-{end}") == ProductClaim("acme", "platform")
        assert registry.claim_for_image(f"registry.acme.example/{end}") == ProductClaim("acme", "platform")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000
