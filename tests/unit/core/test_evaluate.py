from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core.evaluate import Rights, contributions, evaluate
from licet.core.namespaces import Namespace, NamespaceScope
from licet.core.reasons import Oddity, State
from support.assessing import assess_tokens
from support.properties import quick
from support.vendor_simulator import DAY, NOW, YEAR, VendorSimulator

EU, US = Namespace("prod-eu"), Namespace("prod-us")


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


def rights_of(
    acme: VendorSimulator, *tokens: str, namespace: Namespace = EU, product: str = "acme-platform", **arguments: Any
) -> Rights:
    return evaluate(assess_tokens(acme, tokens, **arguments), acme.name, product, namespace)


def ids(rights: Rights) -> list[str]:
    return [token.claims.jti for token in rights.tokens]


def oddities(rights: Rights) -> list[Oddity]:
    return [finding.oddity for finding in rights.findings]


# -- which licenses ----------------------------------------------------------------------------------------------------


def test_without_a_license_nothing_is_licensed(acme):
    assert rights_of(acme) == Rights()
    assert (Rights().state, Rights().features, Rights().limits) == (State.UNLICENSED, {}, {})


def test_license_for_other_namespaces_gives_nothing(acme):
    token = acme.token(bindings={"namespaces": ["prod-u*"]})
    assert rights_of(acme, token).state is State.UNLICENSED
    assert rights_of(acme, token, namespace=US).state is State.ACTIVE


def test_license_that_is_narrowed_to_other_namespaces_gives_nothing(acme):
    scopes = {"license-0": NamespaceScope(frozenset({"prod-us"}))}
    assert rights_of(acme, acme.token(), scopes=scopes).state is State.UNLICENSED
    assert rights_of(acme, acme.token(), scopes=scopes, namespace=US).state is State.ACTIVE


def test_license_bound_to_no_namespace_gives_nothing(acme):
    assert rights_of(acme, acme.token(bindings={"namespaces": []})).state is State.UNLICENSED


def test_license_of_another_product_gives_nothing(acme):
    assert rights_of(acme, acme.token(), product="acme-database").state is State.UNLICENSED


def test_license_of_another_vendor_gives_nothing():
    acme, other = VendorSimulator(), VendorSimulator(name="other")
    assessment = assess_tokens([acme, other], [other.token()])
    assert evaluate(assessment, "acme", "acme-platform", EU).state is State.UNLICENSED


@pytest.mark.parametrize(
    "make",
    [
        VendorSimulator.early_token,
        VendorSimulator.token_from_the_future,
        VendorSimulator.forged_token,
        VendorSimulator.token_for_another_cluster,
    ],
)
def test_license_that_does_not_count_gives_nothing(acme, make):
    assert rights_of(acme, make(acme)) == Rights()


def test_superseded_license_gives_nothing(acme):
    old = acme.token(series="s", sequence=1, features={"sso": True})
    assert rights_of(acme, old, acme.token(series="s", sequence=2)).features == {}


def test_several_namespaces_have_the_grants_that_all_of_them_have(acme):
    everywhere, only_eu = acme.token(jti="all"), acme.token(jti="eu", bindings={"namespaces": ["prod-eu"]})
    assessment = assess_tokens(acme, [everywhere, only_eu])
    parts = contributions(assessment, "acme", "acme-platform", (EU, US))
    assert [part.license.token.claims.jti for part in parts] == ["all"]


# -- state, grace and expiry -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_expiry", ["Revoke", "Keep"])
@pytest.mark.parametrize(
    ("after", "state"), [(-1, State.ACTIVE), (0, State.GRACE), (14 * DAY - 1, State.GRACE), (14 * DAY, State.EXPIRED)]
)
def test_state_follows_expiry_and_grace_period(acme, on_expiry, after, state):
    token = acme.token(gracePeriod="P14D", onExpiry=on_expiry)
    assert rights_of(acme, token, clock=NOW + YEAR + after).state is state


@pytest.mark.parametrize(
    ("on_expiry", "clock", "kept"),
    [
        ("Revoke", NOW + YEAR + DAY, True),
        ("Revoke", NOW + YEAR + 15 * DAY, False),
        ("Keep", NOW + YEAR + DAY, True),
        ("Keep", NOW + YEAR + 15 * DAY, True),
    ],
)
def test_expiry_takes_features_and_limits_after_the_grace_period_unless_they_are_kept(acme, on_expiry, clock, kept):
    token = acme.token(
        gracePeriod="P14D", onExpiry=on_expiry, plan="pro", features={"sso": True}, limits={"seats": {"max": 5}}
    )
    rights = rights_of(acme, token, clock=clock)
    assert (rights.features == {"sso": True}, "seats" in rights.limits) == (kept, kept)
    assert (rights.plan, ids(rights)) == ("pro", ["lic_0001"])


def test_without_on_expiry_features_are_revoked(acme):
    assert rights_of(acme, acme.expired_token(features={"sso": True})).features == {}


def test_expired_license_gives_nothing_beside_one_in_force(acme):
    kept = acme.expired_token(jti="over", onExpiry="Keep", features={"old": True}, limits={"seats": {"max": 5}})
    rights = rights_of(acme, kept, acme.token(jti="new", features={"new": True}))
    assert (rights.state, ids(rights), rights.features, rights.limits) == (State.ACTIVE, ["new"], {"new": True}, {})


def test_license_in_grace_adds_to_an_active_one(acme):
    grace = acme.token_in_grace(jti="grace", features={"old": True})
    rights = rights_of(acme, grace, acme.token(jti="new", features={"new": True}))
    assert (rights.state, ids(rights)) == (State.ACTIVE, ["grace", "new"])
    assert rights.features == {"old": True, "new": True}


def test_rights_last_as_long_as_the_license_that_lasts_longest(acme):
    short = acme.token(exp=NOW + DAY, gracePeriod="P100D")
    rights = rights_of(acme, short, acme.token(exp=NOW + 50 * DAY))
    assert (rights.not_after, rights.grace_until) == (NOW + 50 * DAY, NOW + 101 * DAY)


# -- trials ------------------------------------------------------------------------------------------------------------


def test_trial_counts_while_no_other_license_grants_the_product(acme):
    trial = acme.token(trial=True, features={"everything": True})
    alone = rights_of(acme, trial)
    assert (alone.trial, alone.features) == (True, {"everything": True})
    beside = rights_of(acme, trial, acme.token(jti="bought", features={"sso": True}))
    assert (beside.trial, beside.features, ids(beside)) == (False, {"sso": True}, ["bought"])


def test_trial_of_one_product_counts_beside_a_license_of_another(acme):
    trial = acme.token(trial=True, grants=[{"product": "acme-platform", "features": {"everything": True}}])
    assert rights_of(acme, trial, acme.token(product="acme-database")).trial


def test_trial_counts_where_the_other_license_may_not_be_used(acme):
    trial, bought = acme.token(trial=True), acme.token(bindings={"namespaces": ["prod-us"]})
    assert rights_of(acme, trial, bought, namespace=EU).trial
    assert not rights_of(acme, trial, bought, namespace=US).trial


def test_trial_counts_once_the_other_license_is_over(acme):
    rights = rights_of(acme, acme.token(trial=True), acme.expired_token())
    assert (rights.state, rights.trial) == (State.ACTIVE, True)


def test_trial_does_not_count_while_the_other_license_is_in_grace(acme):
    rights = rights_of(acme, acme.token(trial=True), acme.token_in_grace())
    assert (rights.state, rights.trial) == (State.GRACE, False)


def test_several_trials_count_together(acme):
    rights = rights_of(acme, acme.token(trial=True, features={"a": True}), acme.token(trial=True, features={"b": True}))
    assert (rights.trial, rights.features) == (True, {"a": True, "b": True})


# -- features, plan and customer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("older", "newer", "united"),
    [
        (True, False, True),
        (False, True, True),
        (False, False, False),
        (9, 3, 9),
        (-1, -5, -1),
        (["b", "a"], ["c", "b"], ("a", "b", "c")),
        (["a"], [], ("a",)),
        ("gold", "silver", "silver"),
        ("gold", "", ""),
    ],
)
def test_features_of_one_type_are_united(acme, older, newer, united):
    tokens = [acme.token(iat=NOW - 1, features={"f": older}), acme.token(features={"f": newer})]
    for given_tokens in (tokens, tokens[::-1]):
        rights = rights_of(acme, *given_tokens)
        assert rights.features == {"f": united}
        assert rights.findings == ()


def test_list_of_one_license_has_each_string_once_in_the_order_of_the_alphabet(acme):
    assert rights_of(acme, acme.token(features={"f": ["b", "a", "b"]})).features == {"f": ("a", "b")}


@pytest.mark.parametrize(
    ("older", "newer"), [(True, 1), (1, True), ("a", ["a"]), (["a"], "a"), (0, "0"), (False, "false"), ([], False)]
)
def test_of_features_of_unlike_types_the_latest_decides_and_it_is_said(acme, older, newer):
    tokens = [acme.token(iat=NOW - 1, features={"f": older}), acme.token(features={"f": newer, "g": True})]
    for given_tokens in (tokens, tokens[::-1]):
        rights = rights_of(acme, *given_tokens)
        expected = tuple(newer) if isinstance(newer, list) else newer
        assert rights.features["f"] == expected
        assert type(rights.features["f"]) is type(expected)
        assert oddities(rights) == [Oddity.FEATURE_TYPE_CONFLICT]
        assert "feature f is of another type" in rights.findings[0].message


def test_feature_that_one_license_sets_stays_with_the_others(acme):
    rights = rights_of(acme, acme.token(features={"a": True}), acme.token(features={"b": 1}))
    assert rights.features == {"a": True, "b": 1}


@pytest.mark.parametrize("member", ["plan", "text"])
def test_of_plans_and_texts_that_of_the_latest_that_sets_one_holds(acme, member):
    def token(value: str | None, **claims: Any) -> str:
        return acme.token(
            **({} if value is None else {"plan": value} if member == "plan" else {"features": {"t": value}}), **claims
        )

    def read(*tokens: str) -> object:
        rights = rights_of(acme, *tokens)
        return rights.plan if member == "plan" else rights.features.get("t")

    older, newer, silent = token("older", iat=NOW - 1), token("newer"), token(None, iat=NOW + 1)
    assert read(newer, silent, older) == "newer"
    assert read(older, silent) == "older"
    assert read(silent) is None
    assert read(token("greater", jti="z"), token("lesser", jti="y")) == "greater"


def test_customer_is_that_of_the_latest_that_names_one(acme):
    tokens = [
        acme.token(iat=NOW - 1, customer={"name": "Globex"}),
        acme.token(customer={"name": "Globex Ltd"}),
        acme.token(iat=NOW + 1, customer={}),
    ]
    assert rights_of(acme, *tokens).customer == "Globex Ltd"
    assert rights_of(acme, tokens[2]).customer is None


# -- limits ------------------------------------------------------------------------------------------------------------


def limit(rights: Rights, name: str = "seats") -> tuple[int | None, str | None, str]:
    found = rights.limits[name]
    return found.total, found.per, found.overage


def seats(acme: VendorSimulator, maximum: int | None, iat: int = NOW, **members: Any) -> str:
    return acme.token(iat=iat, limits={"seats": {"max": maximum, **members}})


def test_limits_of_different_series_are_summed(acme):
    assert limit(rights_of(acme, seats(acme, 25), seats(acme, 10))) == (35, None, "deny")


@pytest.mark.parametrize("members", [{"per": "month"}, {"overage": "20%"}, {"per": "day", "overage": "allow"}])
def test_limits_with_the_same_period_and_overage_are_summed(acme, members):
    rights = rights_of(acme, seats(acme, 25, **members), seats(acme, 10, **members))
    assert limit(rights) == (35, members.get("per"), members.get("overage", "deny"))
    assert rights.findings == ()


def test_no_period_and_denied_overage_are_the_default(acme):
    assert limit(rights_of(acme, seats(acme, 1), seats(acme, 1, overage="deny"))) == (2, None, "deny")


def test_unlimited_wins(acme):
    assert limit(rights_of(acme, seats(acme, None), seats(acme, 10, iat=NOW + 1))) == (None, None, "deny")


@pytest.mark.parametrize("members", [{"per": "month"}, {"overage": "allow"}])
def test_of_limits_with_another_period_or_overage_the_latest_decides_and_it_is_said(acme, members):
    tokens = [seats(acme, 100, iat=NOW - 1), seats(acme, 10, **members)]
    for given_tokens in (tokens, tokens[::-1]):
        rights = rights_of(acme, *given_tokens)
        assert limit(rights) == (10, members.get("per"), members.get("overage", "deny"))
        assert oddities(rights) == [Oddity.LIMITS_CONFLICT]
        assert "limit seats has another period or overage" in rights.findings[0].message


def test_limit_of_a_license_that_names_it_twice_is_not_summed(acme):
    grants = [{"product": "acme-platform", "limits": {"seats": {"max": maximum}}} for maximum in (25, 10)]
    rights = rights_of(acme, acme.token(grants=grants))
    assert limit(rights) == (10, None, "deny")
    assert oddities(rights) == [Oddity.LIMITS_CONFLICT]


def test_renewal_does_not_add_to_what_it_renews(acme):
    old = acme.token(series="s", sequence=1, limits={"seats": {"max": 25}})
    new = acme.token(series="s", sequence=2, limits={"seats": {"max": 30}})
    assert limit(rights_of(acme, old, new)) == (30, None, "deny")


def test_same_token_in_two_licenses_is_not_summed(acme):
    token = seats(acme, 25)
    assert limit(rights_of(acme, token, token)) == (25, None, "deny")


def test_licenses_that_a_vendor_gave_one_id_are_two_pools(acme):
    tokens = [acme.token(jti="same", sub=sub, limits={"seats": {"max": 5}}) for sub in ("one", "two")]
    rights = rights_of(acme, *tokens)
    assert limit(rights) == (10, None, "deny")
    assert len({pool.source for pool in rights.limits["seats"].pools}) == 2


def test_several_grants_of_a_product_are_united(acme):
    grants = [
        {"product": "acme-platform", "plan": "pro", "features": {"a": 1, "b": ["x"]}},
        {"product": "acme-platform", "features": {"a": 2, "b": ["y"]}},
    ]
    rights = rights_of(acme, acme.token(grants=grants))
    assert (rights.plan, rights.features) == ("pro", {"a": 2, "b": ("x", "y")})
    assert len(rights.tokens) == 1


# -- properties --------------------------------------------------------------------------------------------------------

ACME = VendorSimulator()
ORDER = [State.UNLICENSED, State.EXPIRED, State.GRACE, State.ACTIVE]
limit_members = st.fixed_dictionaries({"max": st.none() | st.integers(0, 50)})
plain = st.fixed_dictionaries(
    {
        "iat": st.integers(NOW - 5, NOW),
        "exp": st.sampled_from([NOW - DAY, NOW + DAY]),
        "gracePeriod": st.sampled_from(["PT0H", "P14D"]),
    },
    optional={
        "features": st.fixed_dictionaries(
            {},
            optional={
                "flag": st.booleans(),
                "number": st.integers(-5, 5),
                "list": st.lists(st.sampled_from("abc"), max_size=2),
            },
        ),
        "limits": st.dictionaries(st.sampled_from(["seats", "nodes"]), limit_members, max_size=2),
        "bindings": st.fixed_dictionaries({"namespaces": st.sampled_from([["prod-*"], ["prod-us"], []])}),
    },
)
conflicting = st.fixed_dictionaries(
    {"jti": st.sampled_from("abc"), "sub": st.sampled_from("xy"), "iat": st.integers(NOW - 3, NOW)},
    optional={
        "trial": st.booleans(),
        "plan": st.sampled_from(["basic", "pro"]),
        "onExpiry": st.sampled_from(["Keep", "Revoke"]),
        "exp": st.sampled_from([NOW - DAY, NOW + DAY]),
        "features": st.dictionaries(
            st.sampled_from("fg"), st.booleans() | st.integers(0, 3) | st.sampled_from(["s", "t"]) | st.just(["l"])
        ),
        "limits": st.dictionaries(
            st.just("seats"),
            st.fixed_dictionaries({"max": st.integers(0, 9)}, optional={"per": st.sampled_from(["day", "year"])}),
        ),
    },
)


def tokens_of(strategy: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[str]]:
    return st.lists(strategy.map(lambda changes: ACME.token(**{"nbf": NOW - YEAR, **changes})), max_size=5)


def includes(more: Rights, less: Rights) -> bool:
    """Tell whether rights include others, as far as features and limits that are in force go."""
    if ORDER.index(more.state) < ORDER.index(less.state):
        return False
    if less.state in {State.UNLICENSED, State.EXPIRED}:
        return True
    features = all(_at_least(more.features.get(name), value) for name, value in less.features.items())
    limits = all(
        name in more.limits
        and (more.limits[name].total is None or (each.total is not None and more.limits[name].total >= each.total))
        for name, each in less.limits.items()
    )
    return features and limits and (more.grace_until or 0) >= (less.grace_until or 0)


def _at_least(more: object, less: object) -> bool:
    if isinstance(less, tuple):
        return isinstance(more, tuple) and set(less) <= set(more)
    return isinstance(more, int) and isinstance(less, int) and more >= less


@quick
@given(tokens_of(plain), tokens_of(plain), st.sampled_from([EU, US]))
def test_adding_licenses_takes_no_right_away(some, more, namespace):
    before = rights_of(ACME, *some, namespace=namespace)
    after = rights_of(ACME, *some, *more, namespace=namespace)
    assert includes(after, before)


@quick
@given(tokens_of(conflicting), st.randoms(use_true_random=False))
def test_rights_do_not_depend_on_the_order_of_licenses(tokens: Sequence[str], random):
    shuffled = random.sample(tokens, len(tokens))
    assert rights_of(ACME, *tokens) == rights_of(ACME, *shuffled)


@quick
@given(tokens_of(conflicting))
def test_whatever_licenses_come_expired_ones_give_nothing_beside_those_in_force(tokens):
    rights = rights_of(ACME, *tokens)
    phases = {token.claims.exp > NOW for token in rights.tokens}
    assert len(phases) <= 1
    assert (rights.state is State.ACTIVE) == (phases == {True})
