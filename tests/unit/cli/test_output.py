"""What is printed can be read by programs, and looked at by people."""

import csv
import io
import json

import pytest
import yaml

from licet.cli.output import fields, printable, render_csv, render_json, render_yaml, table
from licet.core.verdict import Ground

UNSAFE = "a\x1b[31mb\x9bc\u202ed\u2066e\x7ff"


@pytest.mark.parametrize("value", [UNSAFE, "\ud800", "plain", "ünïcode 株", ""])
def test_json_and_yaml_keep_values_and_can_be_printed(value: str) -> None:
    for text in (render_json({"value": value}), render_yaml({"value": value})):
        text.encode("utf-8")
        assert all(character.isprintable() or character == "\n" for character in text)
    assert json.loads(render_json({"value": value})) == {"value": value}
    if "\ud800" not in value:
        assert yaml.safe_load(render_yaml({"value": value})) == {"value": value}


def test_words_of_a_fixed_set_are_text_in_every_format() -> None:
    for text in (render_json({"reason": Ground.LICENSED}), render_yaml({"reason": Ground.LICENSED})):
        assert yaml.safe_load(text) == {"reason": "Licensed"}


def test_members_stay_in_order() -> None:
    assert render_yaml({"b": 1, "a": 2}) == "b: 1\na: 2\n"
    assert list(json.loads(render_json({"b": 1, "a": 2}))) == ["b", "a"]


def test_text_for_people_has_no_escapes() -> None:
    assert printable(UNSAFE) == r"a\x1b[31mb\x9bc\u202ed\u2066e\x7ff"
    assert printable("two\nlines") == r"two\nlines"


def test_table_lines_up_whatever_it_holds() -> None:
    text = table(("NAME", "READY", "NOTE"), [("a", True, "x\x1b"), ("longer-name", False, "")])
    plain = [line.replace("\x1b[32m", "").replace("\x1b[31m", "").replace("\x1b[0m", "") for line in text.split("\n")]
    assert plain == ["NAME          READY   NOTE", r"a             True    x\x1b", "longer-name   False"]


def test_fields_line_up() -> None:
    assert fields([("Name", "a"), ("Customer", "b\x07")]) == "Name:       a\nCustomer:   b\\x07"


def test_csv_is_that_of_rfc_4180() -> None:
    assert render_csv(["a", "b"], [["x", None], ['say "hi"', "1,2"]]) == 'a,b\r\nx,\r\n"say ""hi""","1,2"\r\n'


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1", "\t=1", "\r=1", "\n=1", UNSAFE])
def test_csv_is_no_formula_to_a_spreadsheet(value: str) -> None:
    (_, (cell,)) = csv.reader(io.StringIO(render_csv(["a"], [[value]]), newline=""))
    assert cell.startswith(("'", "\\", "a"))
    assert cell.isprintable()
