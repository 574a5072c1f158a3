"""What is made of measurements."""

import pytest

from bench.measures import added_ratio, percentile, ratio


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 5), (0.51, 6), (0.99, 10), (1.0, 10)])
def test_percentile_is_the_nearest_rank(share, expected):
    assert percentile([10, 3, 1, 2, 4, 5, 9, 8, 7, 6], share) == expected


def test_there_is_no_percentile_of_nothing():
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_ratio_is_the_median_of_the_ratios_within_rounds():
    slow_round = (30.0, 20.0)
    found = ratio([(1.5, 1.0), slow_round, (2.0, 1.0)])
    assert found is not None
    assert (found.median, found.least, found.greatest) == (1.5, 1.5, 2.0)


def test_nothing_is_compared_with_what_took_no_time():
    assert ratio([(1.0, 0.0)]) is None


def test_added_time_is_compared_with_what_the_reference_adds_to_the_base():
    rounds = [{"none": 2.0, "idle": 3.0, "licet": 3.3}, {"none": 4.0, "idle": 6.0, "licet": 6.4}]
    found = added_ratio(rounds, subject="licet", reference="idle")
    assert found is not None
    assert found.median == pytest.approx(1.25)


@pytest.mark.parametrize(
    "rounds",
    [
        [{"none": 2.0, "licet": 3.0}],  # the reference was not measured
        [{"none": 2.0, "idle": 2.01, "licet": 3.0}],  # it adds less than can be told from noise
        [{"none": 2.0, "idle": 1.0, "licet": 3.0}],
    ],
)
def test_rounds_that_say_nothing_about_what_is_added_are_left_out(rounds):
    assert added_ratio(rounds, subject="licet", reference="idle") is None
