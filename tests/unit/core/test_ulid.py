import re

from hypothesis import given
from hypothesis import strategies as st

from licet.core.ulid import RANDOM_BYTES, format_ulid
from support.properties import quick

milliseconds = st.integers(0, 2**48 - 1)
randomness = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


def test_the_text_is_that_of_the_ulid_specification():
    assert format_ulid(1469918176385, bytes(10)) == "01ARYZ6S41" + 16 * "0"
    assert format_ulid(2**48 - 1, b"\xff" * 10) == "7ZZZZZZZZZ" + 16 * "Z"


@quick
@given(milliseconds, randomness)
def test_it_has_26_characters_of_crockfords_alphabet(instant, random):
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", format_ulid(instant, random))


@quick
@given(milliseconds, milliseconds, randomness, randomness)
def test_text_order_is_time_order(one, other, some, more):
    if one < other:
        assert format_ulid(one, some) < format_ulid(other, more)


@quick
@given(milliseconds, randomness, randomness)
def test_randomness_tells_those_of_one_millisecond_apart(instant, one, other):
    assert (format_ulid(instant, one) == format_ulid(instant, other)) == (one == other)
