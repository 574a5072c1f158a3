"""Conditions."""

from licet.resources import Condition, ConditionStatus, ConditionType, Observation, conditions
from licet.resources.meta import find

READY = Observation(ConditionType.READY, True, "Verified", "The token is verified.")
NOT_READY = Observation(ConditionType.READY, False, "Malformed", "The token is not a JWT.")


def test_transition_time_stays_while_the_status_does() -> None:
    first = conditions([READY], previous=(), generation=1, now=100)
    reworded = Observation(ConditionType.READY, True, "InGrace", "The license is in its grace period.")
    (after,) = conditions([reworded], previous=first, generation=2, now=200)
    assert after.last_transition_time == 100
    assert (after.reason, after.observed_generation) == ("InGrace", 2)


def test_transition_time_moves_when_the_status_changes() -> None:
    first = conditions([READY], previous=(), generation=1, now=100)
    (after,) = conditions([NOT_READY], previous=first, generation=1, now=200)
    assert after.last_transition_time == 200
    assert after.status is ConditionStatus.FALSE


def test_the_same_observations_give_equal_conditions_whenever() -> None:
    first = conditions([READY], previous=(), generation=1, now=100)
    assert conditions([READY], previous=first, generation=1, now=999) == first


def test_a_condition_that_is_not_observed_any_more_goes_away() -> None:
    odd = Observation(ConditionType.CONSISTENT, False, "SequenceConflict", "Two tokens have sequence 3.")
    first = conditions([READY, odd], previous=(), generation=1, now=100)
    assert [condition.type for condition in conditions([READY], previous=first, generation=1, now=200)] == ["Ready"]


def test_what_cannot_be_told_is_unknown() -> None:
    (condition,) = conditions(
        [Observation(ConditionType.VALID, None, "TokenUnavailable", "The Secret is missing.")],
        previous=(),
        generation=None,
        now=0,
    )
    assert condition.as_json() == {
        "type": "Valid",
        "status": "Unknown",
        "reason": "TokenUnavailable",
        "message": "The Secret is missing.",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }
    assert Condition.model_validate(condition.as_json()) == condition


def test_a_message_too_long_for_the_api_server_is_cut() -> None:
    long = Observation(ConditionType.READY, True, "Verified", "x" * 40_000)
    (condition,) = conditions([long], previous=(), generation=1, now=0)
    assert len(condition.message) == 32_768


def test_conditions_are_found_by_type() -> None:
    present = conditions([READY], previous=(), generation=1, now=0)
    assert find(present, ConditionType.READY) == present[0]
    assert find(present, ConditionType.VALID) is None
