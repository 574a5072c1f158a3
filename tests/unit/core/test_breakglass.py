from dataclasses import replace

import pytest

from licet.core.bounds import BREAK_GLASS_SECONDS, CLOCK_LEAD_SECONDS
from licet.core.breakglass import BreakGlass, Emergency, admit, products
from licet.core.namespaces import Namespace, NamespaceScope
from licet.core.reasons import Enforcement
from licet.core.subjects import Origin, Subject
from licet.core.vendors import ProductClaim, VendorRegistry
from licet.core.verdict import Ground, RanHere, ReleaseRef, Result, Verdict, judge
from support.assessing import assess_tokens, registry_of
from support.vendor_simulator import DAY, NOW, VendorSimulator

EU, US = Namespace("prod-eu"), Namespace("prod-us")
PRODUCT = ProductClaim("acme", "acme-platform")
OPEN = BreakGlass("web-1", "prod-eu", "web", "jane", "database on fire", created=NOW, until=NOW + 3600)
LATER = NOW + 60


def subject(version: str | None = "3.1.0", name: str = "acme-platform") -> Subject:
    return Subject(name, version, PRODUCT, None, Origin.ROOT)


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


def judged(
    acme: VendorSimulator,
    *break_glasses: BreakGlass,
    tokens: tuple[str, ...] = (),
    subjects: tuple[Subject, ...] = (subject(),),
    namespaces: tuple[Namespace, ...] = (EU,),
    running: frozenset[tuple[str, str]] = frozenset(),
    enforcement: Enforcement = Enforcement.ENFORCE,
    scopes: dict[str, NamespaceScope] | None = None,
    now: int = LATER,
) -> Verdict:
    registry = VendorRegistry([replace(acme.vendor(), enforcement=enforcement)])
    assessment = assess_tokens(acme, tokens, clock=now, scopes=scopes)
    release = ReleaseRef("web", namespaces)
    return judge(subjects, release, registry, assessment, RanHere(running), Emergency(break_glasses, now))


def test_open_break_glass_admits_its_release_with_a_warning_that_tells_by_whom(acme):
    verdict = judged(acme, OPEN)
    assert (verdict.result, verdict.ground) == (Result.ALLOWED, Ground.BREAK_GLASS)
    (warning,) = verdict.warnings
    assert warning == (
        'chart acme-platform 3.1.0 (release "web", namespace "prod-eu") is not licensed: no license that counts grants '
        "product acme-platform of vendor acme here. It is let in by BreakGlass web-1 of jane, until "
        "2026-01-01T01:00:00Z only. Apply a License from the vendor; kubectl get licenses shows why one that is there "
        "does not count."
    )
    assert not verdict.charts[0].licensed
    assert verdict.charts[0].break_glasses == ("web-1",)


def test_break_glass_tells_its_ground_beside_charts_that_are_licensed(acme):
    token = acme.token(charts=[{"name": "acme-platform", "versions": "3.x"}])
    verdict = judged(acme, OPEN, tokens=(token,), subjects=(subject(), subject("9.0.0", "acme-platform-ui")))
    assert [chart.ground for chart in verdict.charts] == [Ground.LICENSED, Ground.BREAK_GLASS]
    assert verdict.ground is Ground.BREAK_GLASS


def test_what_is_licensed_or_ran_here_needs_no_break_glass(acme):
    assert judged(acme, OPEN, tokens=(acme.token(),)).ground is Ground.LICENSED
    assert judged(acme, OPEN, running=frozenset({("acme-platform", "3.1.0")})).ground is Ground.RUNS_HERE


def test_break_glass_ends_when_it_says_and_the_denial_tells_so(acme):
    assert judged(acme, OPEN, now=OPEN.until - 1).permitted
    verdict = judged(acme, OPEN, now=OPEN.until)
    assert (verdict.result, verdict.ground) == (Result.DENIED, Ground.NO_LICENSE)
    assert verdict.message.endswith("BreakGlass web-1 ended at 2026-01-01T01:00:00Z.")


def test_break_glass_ends_a_day_after_its_creation_whatever_it_says(acme):
    endless = replace(OPEN, until=NOW + 400 * DAY)
    assert endless.ends == NOW + BREAK_GLASS_SECONDS
    assert judged(acme, endless, now=endless.ends - 1).permitted
    assert not judged(acme, endless, now=endless.ends).permitted


def test_clock_that_is_turned_back_opens_none_of_the_future(acme):
    assert judged(acme, OPEN, now=NOW - CLOCK_LEAD_SECONDS).permitted, "clocks differ"
    verdict = judged(acme, OPEN, now=NOW - CLOCK_LEAD_SECONDS - 1)
    assert "BreakGlass web-1 was created at 2026-01-01T00:00:00Z, which is in the future" in verdict.message


def test_charts_that_it_lists_are_admitted_in_these_versions_alone(acme):
    narrow = replace(OPEN, charts=(("acme-platform", "3.1.0"),))
    assert judged(acme, narrow).permitted
    for other in (subject("3.1.1"), subject("3.1.0", "acme-platform-ui"), subject(None)):
        verdict = judged(acme, narrow, subjects=(other,))
        assert verdict.message.endswith("BreakGlass web-1 is for acme-platform 3.1.0 only.")
    assert judged(acme, OPEN, subjects=(subject(None),)).permitted, "without a list, an unknown version may come in"


def test_release_in_several_namespaces_needs_one_in_each(acme):
    assert not judged(acme, OPEN, namespaces=(EU, US)).permitted
    other = replace(OPEN, name="web-2", namespace="prod-us")
    verdict = judged(acme, OPEN, other, namespaces=(EU, US))
    assert verdict.charts[0].break_glasses == ("web-1", "web-2")


def test_of_several_that_help_the_one_that_lasts_is_told_of(acme):
    longer = replace(OPEN, name="web-2", until=OPEN.until + 60)
    assert judged(acme, longer, OPEN).charts[0].break_glasses == ("web-2",)


def test_license_in_force_may_rule_break_glass_out(acme):
    token = acme.token(charts=[{"name": "acme-platform", "versions": "2.x"}], breakGlass=False)
    verdict = judged(acme, OPEN, tokens=(token,))
    assert verdict.ground is Ground.VERSION_NOT_COVERED
    assert verdict.message.endswith(" BreakGlass web-1 does not help: license license-0 rules break-glass out.")
    assert judged(acme, OPEN, tokens=(acme.token(charts=[], breakGlass=True),)).permitted


def test_license_that_is_over_still_rules_break_glass_out(acme):
    assert not judged(acme, OPEN, tokens=(acme.expired_token(breakGlass=False),)).permitted


def test_license_that_is_superseded_does_not(acme):
    tokens = (
        acme.expired_token(series="s", sequence=1, breakGlass=False),
        acme.expired_token(series="s", sequence=2),
    )
    assert judged(acme, OPEN, tokens=tokens).permitted


def test_license_rules_it_out_where_it_is_meant_to_be_used_and_for_its_products_alone(acme):
    token = acme.expired_token(breakGlass=False)
    assert judged(acme, OPEN, tokens=(token,), scopes={"license-0": NamespaceScope(frozenset({"prod-us"}))}).permitted
    elsewhere = acme.expired_token(breakGlass=False, bindings={"namespaces": ["prod-us"]})
    assert judged(acme, OPEN, tokens=(elsewhere,)).permitted
    other = acme.expired_token(breakGlass=False, grants=[{"product": "another"}])
    assert judged(acme, OPEN, tokens=(other,)).permitted


def test_denial_without_break_glass_says_nothing_of_it(acme):
    assert "BreakGlass" not in judged(acme).message


def test_vendor_that_only_records_lets_the_break_glass_be_recorded_in_silence(acme):
    verdict = judged(acme, OPEN, enforcement=Enforcement.AUDIT)
    assert (verdict.ground, verdict.warnings) == (Ground.BREAK_GLASS, ())


def test_products_are_those_of_the_charts_listed_or_all(acme):
    other = VendorSimulator(name="other", product="tool")
    registry = registry_of(acme, other)
    assessment = assess_tokens([acme, other], {"acme-prod": acme.token(breakGlass=False)}, clock=LATER)
    everything = {PRODUCT: "acme-prod", ProductClaim("other", "tool"): None}
    assert products(OPEN, EU, registry, assessment) == everything
    narrow = replace(OPEN, charts=(("tool", "1.0.0"), ("wordpress", "1.0.0")))
    assert products(narrow, EU, registry, assessment) == {ProductClaim("other", "tool"): None}


def test_nothing_is_admitted_where_no_namespace_is_known(acme):
    assert admit(subject(), (), Emergency((OPEN,), LATER), assess_tokens(acme, ())).by == ()
