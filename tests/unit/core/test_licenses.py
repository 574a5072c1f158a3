import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core.errors import VerificationError
from licet.core.licenses import Assessment, Candidate, assess
from licet.core.memory import Memory
from licet.core.namespaces import Namespace, NamespaceScope, Operator, Requirement
from licet.core.reasons import Oddity, Reason, State
from licet.core.vendors import VendorRegistry
from support.assessing import assess_tokens, candidates_of, registry_of
from support.properties import quick
from support.vendor_simulator import DAY, MINUTE, NOW, YEAR, VendorSimulator

EU, US = Namespace("prod-eu"), Namespace("prod-us")


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


def reasons(assessment: Assessment) -> list[Reason]:
    """The reasons of all Licenses, in the order of their names."""
    return [assessment.standings[name].reason for name in sorted(assessment.standings)]


def counting(assessment: Assessment) -> list[str]:
    """The IDs of the licenses that count."""
    return sorted(license_.token.claims.jti for license_ in assessment.counting)


# -- times -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "reason", "counts"),
    [
        (NOW - 1, Reason.NOT_YET_VALID, False),
        (NOW, Reason.VERIFIED, True),
        (NOW + YEAR - 1, Reason.VERIFIED, True),
        (NOW + YEAR, Reason.IN_GRACE, True),
        (NOW + YEAR + 14 * DAY - 1, Reason.IN_GRACE, True),
        (NOW + YEAR + 14 * DAY, Reason.EXPIRED, True),
    ],
)
def test_license_is_valid_from_nbf_until_exp_then_in_grace_then_expired(acme, clock, reason, counts):
    assessment = assess_tokens(acme, [acme.token(iat=NOW - DAY, gracePeriod="P14D")], clock=clock)
    assert reasons(assessment) == [reason]
    assert bool(assessment.counting) == counts


def test_license_without_grace_period_expires_at_once(acme):
    assert reasons(assess_tokens(acme, [acme.token()], clock=NOW + YEAR)) == [Reason.EXPIRED]


@pytest.mark.parametrize(("lead", "reason"), [(600, Reason.VERIFIED), (601, Reason.NOT_YET_VALID)])
def test_token_issued_over_ten_minutes_in_the_future_is_not_yet_valid(acme, lead, reason):
    assert reasons(assess_tokens(acme, [acme.token(iat=NOW + lead)])) == [reason]


def test_token_issued_in_the_future_counts_for_nothing(acme):
    good = acme.token(series="s", sequence=1, jti="good")
    assessment = assess_tokens(acme, [good, acme.token_from_the_future(series="s", sequence=2)])
    assert counting(assessment) == ["good"]
    assert assessment.memory.highest == {(acme.issuer, "cust_42", "s"): (1, NOW, "good")}
    assert assessment.memory.marks == {acme.issuer: NOW}
    assert all(not standing.findings for standing in assessment.standings.values())


def test_license_of_a_vendor_whose_clock_is_a_little_fast_is_valid_at_once(acme):
    issued = NOW + 5 * MINUTE
    assert reasons(assess_tokens(acme, [acme.token(iat=issued, nbf=issued)])) == [Reason.VERIFIED]


@pytest.mark.parametrize(
    ("remaining", "soon"), [(30 * DAY + 1, False), (30 * DAY, True), (1, True), (0, True), (-14 * DAY, False)]
)
def test_license_expires_soon_from_30_days_before_its_end_to_the_end_of_grace(acme, remaining, soon):
    assessment = assess_tokens(acme, [acme.token(gracePeriod="P14D")], clock=NOW + YEAR - remaining)
    assert assessment.standings["license-0"].expiring_soon == soon


def test_license_that_does_not_count_does_not_expire_soon(acme):
    old = acme.token(series="s", sequence=1, exp=NOW + DAY)
    early = acme.early_token(exp=NOW + 8 * DAY)
    assessment = assess_tokens(acme, [old, acme.token(series="s", sequence=2), early])
    assert [standing.expiring_soon for standing in assessment.standings.values()] == [False, False, False]


def test_next_change_is_the_next_instant_at_which_time_alone_changes_something(acme):
    token = acme.token(iat=NOW + DAY, nbf=NOW + 2 * DAY, exp=NOW + YEAR, gracePeriod="P14D")
    clock, changes = NOW, []
    while (change := assess_tokens(acme, [token], clock=clock).next_change) is not None:
        changes.append(change)
        clock = change
    ends = NOW + YEAR
    assert changes == [NOW + DAY - 10 * MINUTE, NOW + 2 * DAY, ends - 30 * DAY, ends, ends + 14 * DAY]


def test_nothing_changes_between_two_changes(acme):
    tokens = [acme.early_token(series="s", sequence=2), acme.token(series="s", sequence=1), acme.token_in_grace()]
    clock: int | None = NOW
    while clock is not None:
        now = assess_tokens(acme, tokens, clock=clock)
        assert now.next_change is None or now.next_change > clock
        later = assess_tokens(acme, tokens, clock=(now.next_change or NOW + 20 * YEAR) - 1)
        assert later.standings == now.standings
        clock = now.next_change


# -- series and sequence -----------------------------------------------------------------------------------------------


def test_highest_sequence_of_a_series_counts_and_supersedes_the_others(acme):
    tokens = [acme.token(series="s", sequence=sequence, jti=f"lic_{sequence}") for sequence in (2, 10, 3)]
    assessment = assess_tokens(acme, tokens)
    assert counting(assessment) == ["lic_10"]
    assert reasons(assessment) == [Reason.SUPERSEDED, Reason.VERIFIED, Reason.SUPERSEDED]
    assert "license lic_10 of the same series, with sequence 10," in assessment.standings["license-0"].message


def test_downgrade_is_a_higher_sequence_with_fewer_rights(acme):
    more = acme.token(series="s", sequence=1, features={"sso": True})
    less = acme.token(series="s", sequence=2, jti="less", iat=NOW - DAY, nbf=NOW - DAY)
    assert counting(assess_tokens(acme, [more, less])) == ["less"]


def test_renewal_may_be_applied_weeks_early(acme):
    tokens = [
        acme.token(series="s", sequence=1, jti="old"),
        acme.early_token(series="s", sequence=2, jti="new", exp=NOW + 2 * YEAR),
    ]
    before = assess_tokens(acme, tokens)
    assert (counting(before), reasons(before)) == (["old"], [Reason.VERIFIED, Reason.NOT_YET_VALID])
    after = assess_tokens(acme, tokens, clock=NOW + 7 * DAY, memory=before.memory)
    assert (counting(after), reasons(after)) == (["new"], [Reason.SUPERSEDED, Reason.VERIFIED])


def test_highest_sequence_counts_even_when_it_is_expired(acme):
    tokens = [acme.token(series="s", sequence=1), acme.expired_token(series="s", sequence=2)]
    assert reasons(assess_tokens(acme, tokens)) == [Reason.SUPERSEDED, Reason.EXPIRED]


@pytest.mark.parametrize(
    "make",
    [
        VendorSimulator.forged_token,
        VendorSimulator.token_for_another_cluster,
        VendorSimulator.token_for_another_audience,
    ],
)
def test_token_that_is_not_verified_supersedes_nothing(acme, make):
    tokens = [acme.token(series="s", sequence=1), make(acme, series="s", sequence=2)]
    assert reasons(assess_tokens(acme, tokens))[0] is Reason.VERIFIED


def test_deleting_the_highest_does_not_bring_an_older_one_back(acme):
    old, new = acme.token(series="s", sequence=1), acme.token(series="s", sequence=2, jti="new")
    memory = assess_tokens(acme, [old, new]).memory
    assessment = assess_tokens(acme, [old], memory=memory)
    assert reasons(assessment) == [Reason.SUPERSEDED]
    assert "license new of the same series, with sequence 2," in assessment.standings["license-0"].message
    assert assessment.memory.highest == memory.highest
    assert assess_tokens(acme, [], memory=memory).memory == memory
    assert reasons(assess_tokens(acme, [old, new], memory=memory)) == [Reason.SUPERSEDED, Reason.VERIFIED]


def test_what_never_counted_is_not_remembered(acme):
    tokens = [acme.token(series="s", sequence=1, jti="old"), acme.early_token(series="s", sequence=2)]
    memory = assess_tokens(acme, tokens).memory
    assert counting(assess_tokens(acme, tokens[:1], memory=memory, clock=NOW + 8 * DAY)) == ["old"]


def test_renewal_that_counted_by_a_wrong_clock_gives_way_until_it_begins(acme):
    tokens = [acme.token(series="s", sequence=1, jti="old"), acme.early_token(series="s", sequence=2, jti="new")]
    wrong = assess_tokens(acme, tokens, clock=NOW + YEAR // 2)
    assert counting(wrong) == ["new"]
    right = assess_tokens(acme, tokens, memory=wrong.memory)
    assert (counting(right), reasons(right)) == (["old"], [Reason.VERIFIED, Reason.NOT_YET_VALID])
    assert counting(assess_tokens(acme, tokens, memory=right.memory, clock=NOW + 7 * DAY)) == ["new"]
    # Without the renewal there is no telling that the clock was wrong: it may have been deleted since.
    assert reasons(assess_tokens(acme, tokens[:1], memory=wrong.memory)) == [Reason.SUPERSEDED]


def test_of_equal_sequences_the_later_issued_counts_then_the_greater_id(acme):
    tokens = [
        acme.token(series="s", sequence=1, iat=NOW - 2, nbf=0, jti="z"),
        acme.token(series="s", sequence=1, iat=NOW - 1, nbf=0, jti="a"),
        acme.token(series="s", sequence=1, iat=NOW - 1, nbf=0, jti="b"),
    ]
    assessment = assess_tokens(acme, tokens)
    assert counting(assessment) == ["b"]
    for standing in assessment.standings.values():
        (finding,) = standing.findings
        assert finding.oddity is Oddity.SEQUENCE_CONFLICT
    assert "license a, b has" in assessment.standings["license-0"].findings[0].message
    # What counted is remembered with all that ranks it.
    assert counting(assess_tokens(acme, tokens[:2], memory=assessment.memory)) == []


@pytest.mark.parametrize("change", [{"sub": "cust_43"}, {"series": "t"}, {"series": "t", "sub": "cust_43"}])
def test_series_are_apart_by_subject_and_name(acme, change):
    tokens = [acme.token(series="s", sequence=1), acme.token(**{"series": "s", "sequence": 2, **change})]
    assert reasons(assess_tokens(acme, tokens)) == [Reason.VERIFIED, Reason.VERIFIED]


def test_series_are_apart_by_issuer(acme):
    other = VendorSimulator(name="other")
    tokens = [acme.token(series="s", sequence=1), other.token(series="s", sequence=2)]
    assessment = assess_tokens([acme, other], tokens)
    assert reasons(assessment) == [Reason.VERIFIED, Reason.VERIFIED]
    assert reasons(assess_tokens(acme, tokens[:1], memory=assessment.memory)) == [Reason.VERIFIED]


def test_without_series_each_id_stands_alone(acme):
    tokens = [acme.token(jti="a", sequence=1), acme.token(jti="b", sequence=2), acme.token(series="a", sequence=3)]
    assessment = assess_tokens(acme, tokens)
    assert reasons(assessment) == 3 * [Reason.VERIFIED]
    assert set(assessment.memory.highest) == {(acme.issuer, "cust_42", "a")}


def test_of_two_tokens_with_one_id_the_higher_counts(acme):
    tokens = [acme.token(jti="a", sequence=1), acme.token(jti="a", sequence=2)]
    assessment = assess_tokens(acme, tokens)
    assert reasons(assessment) == [Reason.SUPERSEDED, Reason.VERIFIED]
    assert "sequence 2" in assessment.standings["license-0"].message


# -- one token in several Licenses -------------------------------------------------------------------------------------


def test_same_token_in_two_licenses_counts_once_for_the_namespaces_of_both(acme):
    token = acme.token(jti="one")
    scopes = {"eu": NamespaceScope(frozenset({"prod-eu"})), "us": NamespaceScope(frozenset({"prod-us"}))}
    assessment = assess_tokens(acme, {"eu": token, "us": token}, scopes=scopes)
    (license_,) = assessment.counting
    assert license_.licenses == ("eu", "us")
    assert license_.allows(EU)
    assert license_.allows(US)
    assert not license_.allows(Namespace("dev"))
    assert reasons(assessment) == [Reason.VERIFIED, Reason.VERIFIED]
    assert all(not standing.findings for standing in assessment.standings.values())
    assert (license_.name_for([EU]), license_.name_for([US])) == ("eu", "us")
    assert license_.name_for([US, EU]) == "us"


def test_license_of_a_name_allows_only_what_it_is_narrowed_to(acme):
    token = acme.token()
    assessment = assess_tokens(acme, {"all": token, "eu": token}, scopes={"eu": NamespaceScope(frozenset({"prod-eu"}))})
    assert assessment.standings["all"].allows(US)
    assert not assessment.standings["eu"].allows(US)
    assert assessment.counting[0].name_for([US, EU]) == "all"


def test_copy_with_another_signature_is_the_same_token():
    acme = VendorSimulator(algorithm="ES256")
    token = acme.token()
    assessment = assess_tokens(acme, [token, acme.copy_with_another_signature(token)])
    assert len(assessment.counting) == 1
    assert reasons(assessment) == [Reason.VERIFIED, Reason.VERIFIED]


def test_token_signed_again_with_a_new_key_is_the_same_token(acme):
    claims = acme.claims(series="s", sequence=1)
    old = acme.sign(claims)
    acme.rotate_key("acme-2027")
    assessment = assess_tokens(acme, [old, acme.sign(claims)])
    assert len(assessment.counting) == 1
    assert reasons(assessment) == [Reason.VERIFIED, Reason.VERIFIED]
    tokens = [standing.token for standing in assessment.standings.values()]
    assert [token.key_id for token in tokens if token] == ["acme-2026", "acme-2027"]
    assert all(not standing.findings for standing in assessment.standings.values())


# -- namespaces --------------------------------------------------------------------------------------------------------


def test_license_counts_where_token_and_license_both_allow_it(acme):
    scope = NamespaceScope(frozenset({"prod-eu", "dev"}), (Requirement("team", Operator.IN, frozenset({"pay"})),))
    token = acme.token(bindings={"namespaces": ["prod-*"]})
    assessment = assess_tokens(acme, {"acme": token}, scopes={"acme": scope})
    (license_,) = assessment.counting
    allowed = [(EU, True), (US, False), (Namespace("dev"), False), (Namespace("prod-us", {"team": "pay"}), True)]
    for namespace, expected in allowed:
        assert license_.allows(namespace) == expected
        assert assessment.standings["acme"].allows(namespace) == expected


@pytest.mark.parametrize(
    ("bindings", "scope", "restricted"),
    [
        ({}, None, False),
        ({"namespaces": ["*"]}, None, True),
        ({}, NamespaceScope(selector=()), True),
    ],
)
def test_license_that_not_every_namespace_may_use_is_restricted(acme, bindings, scope, restricted):
    assessment = assess_tokens(acme, {"acme": acme.token(bindings=bindings)}, scopes={"acme": scope} if scope else {})
    assert assessment.counting[0].restricted == restricted


# -- products ----------------------------------------------------------------------------------------------------------


def test_grant_of_a_product_that_the_vendor_does_not_list_carries_no_rights(acme):
    token = acme.token(grants=[{"product": "acme-platform"}, {"product": "other"}, {"product": "another"}])
    assessment = assess_tokens(acme, [token])
    assert [grant.product for grant in assessment.counting[0].grants] == ["acme-platform"]
    assert list(assessment.by_product) == [("acme", "acme-platform")]
    standing = assessment.standings["license-0"]
    (finding,) = standing.findings
    assert finding.oddity is Oddity.PRODUCT_NOT_LISTED
    assert "it grants another, other, which" in finding.message
    assert standing.reason is Reason.VERIFIED


def test_products_of_one_vendor_are_not_those_of_another(acme):
    other = VendorSimulator(name="other", product="acme-platform")
    assessment = assess_tokens([acme, other], [other.token()])
    assert list(assessment.by_product) == [("other", "acme-platform")]


# -- reasons -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "reason", "ready"),
    [
        (VendorSimulator.token, Reason.VERIFIED, True),
        (VendorSimulator.token_in_grace, Reason.IN_GRACE, True),
        (VendorSimulator.expired_token, Reason.EXPIRED, True),
        (VendorSimulator.early_token, Reason.NOT_YET_VALID, True),
        (VendorSimulator.token_with_five_parts, Reason.MALFORMED, False),
        (VendorSimulator.forged_token, Reason.SIGNATURE_INVALID, False),
        (VendorSimulator.token_with_unpublished_key, Reason.UNKNOWN_KEY, False),
        (lambda acme: acme.token_of_issuer("https://stranger.example"), Reason.UNKNOWN_VENDOR, False),
        (VendorSimulator.token_for_another_audience, Reason.AUDIENCE_MISMATCH, False),
        (VendorSimulator.token_for_another_cluster, Reason.CLUSTER_MISMATCH, False),
    ],
)
def test_license_is_usable_unless_its_token_can_never_be_used(acme, make, reason, ready):
    standing = assess_tokens(acme, [make(acme)]).standings["license-0"]
    assert (standing.reason, standing.usable) == (reason, ready)
    assert standing.message


def test_superseded_license_is_usable(acme):
    tokens = [acme.token(series="s", sequence=1), acme.token(series="s", sequence=2)]
    standing = assess_tokens(acme, tokens).standings["license-0"]
    assert (standing.reason, standing.usable, standing.phase) == (Reason.SUPERSEDED, True, None)


def test_licenses_of_two_vendors_with_one_issuer_conflict(acme):
    rival = VendorSimulator(name="rival", issuer=acme.issuer)
    assert reasons(assess_tokens([acme, rival], [acme.token()])) == [Reason.ISSUER_CONFLICT]


def test_one_bad_token_harms_no_other(acme):
    good = acme.token()
    assessment = assess_tokens(acme, ["garbage", acme.forged_token(), good, acme.expired_token()])
    assert reasons(assessment)[2] is Reason.VERIFIED


def test_token_that_cannot_be_read_any_more_keeps_its_rights_until_their_end(acme):
    registry = registry_of(acme)
    (good,) = candidates_of(registry, {"acme": acme.token(gracePeriod="P1D")})
    kept = Candidate("acme", good.token, unavailable="key 'license.jwt' of Secret 'acme' can't be read")
    phases = []
    for clock in (NOW, NOW + YEAR, NOW + YEAR + DAY):
        assessment = assess([kept], registry, Memory(), clock)
        standing = assessment.standings["acme"]
        assert (standing.reason, standing.usable) == (Reason.TOKEN_UNAVAILABLE, False)
        assert standing.message.startswith("key 'license.jwt' of Secret 'acme' can't be read; ")
        phases.append(assessment.counting[0].phase)
    assert phases == [State.ACTIVE, State.GRACE, State.EXPIRED]


def test_token_that_was_never_read_is_unavailable(acme):
    candidate = Candidate("acme", VerificationError(Reason.TOKEN_UNAVAILABLE, "no such Secret"))
    standing = assess([candidate], registry_of(acme), Memory(), NOW).standings["acme"]
    assert (standing.reason, standing.usable, standing.token) == (Reason.TOKEN_UNAVAILABLE, False, None)


def test_deleted_vendor_takes_its_licenses_at_once(acme):
    registry = registry_of(acme)
    (good,) = candidates_of(registry, {"acme": acme.token()})
    assessment = assess([good], VendorRegistry(), Memory(), NOW)
    assert assessment.counting[0].grants == ()


# -- time that does not go back ----------------------------------------------------------------------------------------


def test_clock_that_is_turned_back_revives_nothing(acme):
    token = acme.token()
    memory = Memory(marks={acme.issuer: NOW + YEAR})
    assert reasons(assess_tokens(acme, [token], clock=NOW, memory=memory)) == [Reason.EXPIRED]
    assert reasons(assess_tokens(acme, [token], clock=NOW, memory=memory.without_marks())) == [Reason.VERIFIED]


def test_mark_grows_with_the_issue_of_accepted_tokens(acme):
    memory = assess_tokens(acme, [acme.token(iat=NOW - DAY), acme.token(iat=NOW - 2 * DAY)]).memory
    assert memory.marks == {acme.issuer: NOW - DAY}
    assert assess_tokens(acme, [], memory=memory).memory == memory


def test_mark_does_not_grow_with_tokens_that_were_not_accepted(acme):
    stranger = VendorSimulator(name="stranger")
    memory = assess_tokens(acme, [acme.token_from_the_future(), acme.forged_token(), stranger.token()]).memory
    assert memory.marks == {}


def test_mark_of_one_issuer_does_not_age_the_licenses_of_another(acme):
    other = VendorSimulator(name="other")
    memory = Memory(marks={other.issuer: NOW + 2 * YEAR})
    assert reasons(assess_tokens([acme, other], [acme.token()], memory=memory)) == [Reason.VERIFIED]


def test_next_change_is_counted_from_the_mark_where_that_is_later(acme):
    memory = Memory(marks={acme.issuer: NOW + YEAR})
    assert assess_tokens(acme, [acme.token(gracePeriod="P1D")], memory=memory).next_change == NOW + YEAR + DAY


# -- properties --------------------------------------------------------------------------------------------------------

ACME = VendorSimulator()
moments = st.integers(-20, 20).map(lambda steps: NOW + steps * 6 * MINUTE)
claims = st.fixed_dictionaries(
    {
        "jti": st.sampled_from(["a", "b", "c"]),
        "sequence": st.integers(0, 2),
        "iat": moments,
        "nbf": moments,
        "exp": moments,
        "gracePeriod": st.sampled_from(["PT0H", "PT1H"]),
    },
    optional={"series": st.sampled_from(["s", "t"]), "sub": st.sampled_from(["one", "two"])},
)
token_lists = st.lists(claims.map(lambda changes: ACME.token(**changes)), max_size=6)


def outcome(assessment: Assessment) -> object:
    return (
        {name: (each.reason, each.message, each.findings) for name, each in assessment.standings.items()},
        assessment.counting,
        assessment.memory,
        assessment.next_change,
    )


@quick
@given(token_lists, st.randoms(use_true_random=False), moments)
def test_standing_does_not_depend_on_the_order_of_licenses(tokens, random, clock):
    named = {f"license-{number}": token for number, token in enumerate(tokens)}
    shuffled = dict(random.sample(list(named.items()), len(named)))
    assert outcome(assess_tokens(ACME, named, clock=clock)) == outcome(assess_tokens(ACME, shuffled, clock=clock))


@quick
@given(token_lists, moments)
def test_judging_again_changes_nothing(tokens, clock):
    once = assess_tokens(ACME, tokens, clock=clock)
    assert outcome(assess_tokens(ACME, tokens, clock=clock, memory=once.memory)) == outcome(once)


@quick
@given(token_lists, moments, moments)
def test_of_each_series_at_most_one_counts_and_a_clock_turned_back_brings_none_back(tokens, clock, other):
    first = assess_tokens(ACME, tokens, clock=max(clock, other))
    memory = first.memory.advanced_to(max(clock, other))
    second = assess_tokens(ACME, tokens, clock=min(clock, other), memory=memory)
    keys = [each.token.series for each in first.counting]
    assert len(keys) == len(set(keys))
    if tokens:
        assert second.counting == first.counting or not first.memory.marks


@quick
@given(token_lists, moments, st.data())
def test_taking_licenses_away_brings_none_of_a_series_back(tokens, clock, data):
    all_of_them = assess_tokens(ACME, tokens, clock=clock)
    left = data.draw(st.lists(st.sampled_from(tokens), unique=True)) if tokens else []
    counted = {(each.token.series, each.token.rank) for each in all_of_them.counting}
    for each in assess_tokens(ACME, left, clock=clock, memory=all_of_them.memory).counting:
        assert (each.token.series, each.token.rank) in counted or each.token.stands_alone
