import pytest

from licet.core.namespaces import Namespace, NamespaceScope, Operator, Requirement

PAY = Namespace("prod-eu", {"team": "pay", "tier": ""})
BARE = Namespace("bare")


@pytest.mark.parametrize(
    ("requirement", "pay", "bare"),
    [
        (Requirement("team", Operator.IN, frozenset({"pay", "shop"})), True, False),
        (Requirement("team", Operator.IN, frozenset({"shop"})), False, False),
        (Requirement("team", Operator.IN, frozenset()), False, False),
        (Requirement("team", Operator.NOT_IN, frozenset({"pay"})), False, True),
        (Requirement("team", Operator.NOT_IN, frozenset({"shop"})), True, True),
        (Requirement("tier", Operator.EXISTS), True, False),
        (Requirement("tier", Operator.DOES_NOT_EXIST), False, True),
        (Requirement("tier", Operator.IN, frozenset({""})), True, False),
    ],
)
def test_requirements_mean_what_they_mean_to_kubernetes(requirement, pay, bare):
    assert (requirement.matches(PAY.labels), requirement.matches(BARE.labels)) == (pay, bare)


def test_all_requirements_of_a_selector_hold_together():
    team, tier = Requirement("team", Operator.IN, frozenset({"pay"})), Requirement("tier", Operator.DOES_NOT_EXIST)
    assert NamespaceScope(selector=(team,)).allows(PAY)
    assert not NamespaceScope(selector=(team, tier)).allows(PAY)


def test_scope_is_the_union_of_names_and_selector():
    scope = NamespaceScope(frozenset({"bare"}), (Requirement("team", Operator.EXISTS),))
    assert scope.allows(BARE)
    assert scope.allows(PAY)
    assert not scope.allows(Namespace("other", {"other": "label"}))


def test_names_are_compared_exactly():
    scope = NamespaceScope(frozenset({"prod", "prod-*"}))
    assert scope.allows(Namespace("prod"))
    assert not scope.allows(PAY)


def test_selector_without_requirements_matches_every_namespace():
    assert NamespaceScope(selector=()).allows(BARE)


def test_scope_that_names_nothing_allows_nothing():
    assert not NamespaceScope().allows(BARE)
