from licet.gate.messages import DENIAL_BYTES, WARNINGS_BYTES, printable, signed, warnings

ID = "01JD2RX7ZZZZZZZZZZZZZZZZZZ"
SENTENCE = "chart acme-platform 2.4.1 is licensed until 2027-01-15T00:00:00Z only, since license acme-prod expired."


def test_text_says_who_it_is_from_and_which_decision_it_is_about():
    assert signed("chart x is not licensed.", ID) == f"licet: chart x is not licensed. [decision {ID}]"


def test_text_that_is_too_long_is_cut_and_keeps_its_decision():
    cut = signed("é" * 10_000, ID)
    assert len(cut.encode()) in range(DENIAL_BYTES - 2, DENIAL_BYTES + 1)
    assert cut.startswith("licet: éé")
    assert cut.endswith(f"é… [decision {ID}]")


def test_short_warning_is_one_line():
    assert warnings([SENTENCE], ID) == (f"licet: {SENTENCE} [decision {ID}]",)


def test_long_warning_stays_in_one_piece():
    text = " ".join([SENTENCE] * 5)
    assert warnings([text], ID) == (f"licet: {text} [decision {ID}]",)


def test_more_warnings_than_the_api_server_passes_on_point_to_the_log():
    told = warnings([f"{number} {SENTENCE}" for number in range(100)], ID)
    assert len(told) > 10
    assert len("".join(told).encode()) <= WARNINGS_BYTES
    assert told[0] == f"licet: 0 {SENTENCE} [decision {ID}]"
    assert told[-1] == f"licet: There are more warnings; the log of the gate has them all [decision {ID}]"


def test_warning_that_is_too_long_by_itself_is_cut_and_keeps_its_decision():
    (told,) = warnings(["é" * 10_000], ID)
    assert len(told.encode()) <= WARNINGS_BYTES
    assert told.endswith(f"é… [decision {ID}]")


def test_no_warnings_stay_none():
    assert warnings([], ID) == ()


def test_what_steers_terminals_or_breaks_lines_is_escaped():
    assert printable("a\nb\x1b[31m\u2028\u202e\x00é") == "a\\nb\\x1b[31m\\u2028\\u202e\\x00é"
    assert all(piece.isprintable() for piece in warnings(["line\nbreak\x7f"], ID))
