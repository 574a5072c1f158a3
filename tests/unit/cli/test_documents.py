"""Reading YAML and JSON: values as they stand, and nothing that runs away."""

from typing import Any

import pytest

from licet.cli.documents import parse_documents
from licet.cli.files import InputError
from licet.core import bounds


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("a: 1\n---\nb: [x, 2.5, true, null]\n", [{"a": 1}, {"b": ["x", 2.5, True, None]}]),
        ("---\n# nothing\n---\na: {}\n---\n", [{"a": {}}]),
        ('{"a": "\\ud83d\\ude00",\n\t"b": [1]}', [{"a": "😀", "b": [1]}]),
        ("{a: b}", [{"a": "b"}]),
        ("when: 2026-01-01\nat: 2026-01-01T00:00:00Z\n", [{"when": "2026-01-01", "at": "2026-01-01T00:00:00Z"}]),
        ("plain", ["plain"]),
    ],
)
def test_documents_are_values(text: str, documents: list[Any]) -> None:
    assert parse_documents(text, "it") == documents


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2\n", "line 2, column 1: member 'a' occurs twice"),
        ('{"a": 1, "a": 2}', "member 'a' occurs twice"),
        ('{"a": Infinity}', "Infinity is not a number"),
        ("a: &a [*a]\n", "alias"),
        ("a: &a {b: c}\nd:\n  <<: *a\n", "is not accepted"),
        ("a: !!python/object/apply:os.system [id]\n", "tag 'tag:yaml.org,2002:python/object/apply:os.system'"),
        ("a: !!binary aGk=\n", "tag 'tag:yaml.org,2002:binary'"),
        ("a: !!set {b}\n", "tag 'tag:yaml.org,2002:set'"),
        ("a: !!int x\n", "invalid literal"),
        ("1: a\n", "the name of a member has to be text"),
        ("yes: a\n", "the name of a member has to be text"),
        ("a: b: c\n", "line 1"),
        ("a: \x00\n", "not acceptable YAML"),
        ("[" * 101 + "]" * 101, "nested deeper than"),
        ("[" * 5000 + "]" * 5000, "nested"),
        ("[" * 200_000, "nested"),
        ("- " * 300 + "x", "nested deeper than"),
        (f"a: {'9' * 5000}", "not acceptable YAML"),
        ("[" + "9" * 5000 + "]", "not acceptable JSON"),
    ],
)
def test_what_may_run_away_or_mean_two_things_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=r"^it is not ") as caught:
        parse_documents(text, "it")
    assert problem in str(caught.value)


@pytest.mark.parametrize("kind", ["[", "- "])
def test_nesting_is_read_to_its_bound(kind: str) -> None:
    levels = bounds.YAML_DEPTH - 1
    closing = "]" * levels if kind == "[" else ""
    assert parse_documents(kind * levels + "1" + closing, "it")
    with pytest.raises(InputError, match="nested deeper"):
        parse_documents(kind * (levels + 2) + "1" + closing + "]]" * (kind == "["), "it")
