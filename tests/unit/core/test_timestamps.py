from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core import bounds
from licet.core.timestamps import format_instant, parse_date, parse_duration, parse_instant
from support.properties import quick

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("P14D", 14 * DAY),
        ("P2W", 14 * DAY),
        ("PT36H", 36 * 3600),
        ("P1W2DT3H", 9 * DAY + 3 * 3600),
        ("P0D", 0),
        ("PT0H", 0),
        ("P3653D", 3653 * DAY),
        ("PT87672H", 3653 * DAY),
    ],
)
def test_durations_are_of_weeks_days_and_hours(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "14D",
        "p14d",
        "P1Y",
        "P1M",
        "PT5M",
        "PT5S",
        "P1.5D",
        "P-1D",
        "-P1D",
        "P1D ",
        "P1DT",
        "P1D1W",
        "P\u0661D",
        "P1D\n",
        "P1234567D",
    ],
)
def test_other_durations_are_refused(text):
    with pytest.raises(ValueError, match="is not a duration in weeks, days and hours"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P3654D", "P522W", "PT87673H", "P3653DT1H"])
def test_a_duration_is_at_most_ten_years(text):
    with pytest.raises(ValueError, match="longer than ten years"):
        parse_duration(text)


def test_a_date_is_a_calendar_day():
    assert parse_date("2026-10-01") == date(2026, 10, 1)


@pytest.mark.parametrize(
    "text", ["", "2026-10-1", "20261001", "2026-W40-4", "2026-02-30", "0000-01-01", "2026-10-01Z", "2026-10-01\n"]
)
def test_other_dates_are_refused_by_name(text):
    with pytest.raises(ValueError, match="is not a date such as 2026-10-01"):
        parse_date(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00Z", 1767225600),
        ("2026-01-01t00:00:00z", 1767225600),
        ("2026-01-01T02:00:00+02:00", 1767225600),
        ("2026-01-01T00:00:00.999999999Z", 1767225600),
        ("1969-12-31T23:59:59.5Z", -1),
        ("2026-01-01", 1767225600),
        ("9999-12-31T23:59:59Z", bounds.NUMERIC_DATE_MAX),
    ],
)
def test_an_instant_is_rfc_3339_or_the_first_second_of_a_day(text, instant):
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1767225600",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00Z",
        "2026-01-01T25:00:00Z",
        "2026-02-30",
        "2026-02-30T00:00:00Z",
        "2026-01-01T00:00:00+25:00",
        "20260101T000000Z",
    ],
)
def test_other_instants_are_refused_by_name(text):
    with pytest.raises(ValueError, match="is not a time such as 2026-10-01T12:00:00Z"):
        parse_instant(text)


@quick
@given(st.text())
def test_whatever_text_comes_only_a_value_error_is_raised(text):
    for parse in (parse_duration, parse_date, parse_instant):
        try:
            parse(text)
        except ValueError as error:
            assert "is not a" in str(error)  # noqa: PT017 - any of the parsers may also succeed


@quick
@given(st.integers(0, bounds.NUMERIC_DATE_MAX))
def test_what_is_written_is_read_again(instant):
    assert parse_instant(format_instant(instant)) == instant


def test_instants_are_written_as_kubernetes_writes_them():
    assert format_instant(1798761600) == "2027-01-01T00:00:00Z"
