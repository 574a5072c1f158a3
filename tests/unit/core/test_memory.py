import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.core import bounds
from licet.core.errors import MemoryFormatError
from licet.core.memory import Memory
from support.properties import quick

ACME = "https://acme.example"
instants = st.integers(0, bounds.NUMERIC_DATE_MAX)
texts = st.text(min_size=1, max_size=8)
memories = st.builds(
    Memory,
    marks=st.dictionaries(texts, instants, max_size=3),
    highest=st.dictionaries(
        st.tuples(texts, texts, texts), st.tuples(st.integers(0, bounds.SEQUENCE_MAX), instants, texts), max_size=4
    ),
)


def test_effective_instant_is_the_later_of_clock_and_mark():
    memory = Memory(marks={ACME: 100})
    assert [memory.now(ACME, clock) for clock in (99, 100, 101)] == [100, 100, 101]


def test_each_issuer_has_its_own_mark():
    assert Memory(marks={ACME: 100}).now("https://other.example", 50) == 50


def test_right_clock_raises_marks_and_never_lowers_them():
    memory = Memory(marks={"a": 10, "b": 30}).advanced_to(20)
    assert memory.marks == {"a": 20, "b": 30}


def test_reset_of_the_clock_forgets_marks_and_keeps_sequences():
    memory = Memory(marks={ACME: 100}, highest={(ACME, "cust", "s"): (3, 1, "lic")})
    assert memory.without_marks() == Memory(highest=memory.highest)


@quick
@given(memories)
def test_what_is_written_is_read_again(memory):
    assert Memory.load(memory.dump()) == memory


@quick
@given(memories, st.randoms(use_true_random=False))
def test_the_same_memory_gives_the_same_text(memory, random):
    shuffled = Memory(
        marks=dict(random.sample(list(memory.marks.items()), len(memory.marks))),
        highest=dict(random.sample(list(memory.highest.items()), len(memory.highest))),
    )
    assert shuffled.dump() == memory.dump()


GOOD = {"subject": "cust", "series": "s", "sequence": 3, "issued_at": 1, "id": "lic"}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"issuers": None},
        {"issuers": []},
        {"issuers": {ACME: None}},
        {"issuers": {ACME: {"mark": "100"}}},
        {"issuers": {ACME: {"mark": -1}}},
        {"issuers": {ACME: {"mark": 1.5}}},
        {"issuers": {ACME: {"mark": bounds.NUMERIC_DATE_MAX + 1}}},
        {"issuers": {ACME: {"series": {}}}},
        {"issuers": {ACME: {"series": [{**GOOD, "sequence": -1}]}}},
        {"issuers": {ACME: {"series": [{**GOOD, "sequence": 2**53}]}}},
        {"issuers": {ACME: {"series": [{**GOOD, "id": 7}]}}},
        {"issuers": {ACME: {"series": [{**GOOD, "subject": None}]}}},
        {"issuers": {ACME: {"series": [{}]}}},
    ],
)
def test_other_documents_are_refused(document):
    with pytest.raises(MemoryFormatError, match="can't be read: "):
        Memory.load(json.dumps(document))


@quick
@given(st.text())
def test_whatever_text_comes_only_a_memory_format_error_is_raised(text):
    with pytest.raises(MemoryFormatError):
        Memory.load(text)


def test_error_does_not_carry_what_was_in_the_config_map():
    with pytest.raises(MemoryFormatError) as caught:
        Memory.load('{"issuers": {"a": {"mark": "5ecret"}}}')
    assert "5ecret" not in str(caught.value)
