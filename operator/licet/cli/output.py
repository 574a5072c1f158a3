"""What commands print: JSON, YAML and tables, safe to look at in a terminal whoever wrote the values."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import click
from click.decorators import FC

# What steers a terminal or turns the direction of text, and half characters, which can't be printed. Values may come
# from tokens that nobody has verified.
_UNSAFE: Final = re.compile(r"[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_TONES: Final = {
    **dict.fromkeys(("Active", "True", "Verified", "allowed", "valid", "yes"), "green"),
    **dict.fromkeys(("Grace", "InGrace", "Unknown", "audited", "warned"), "yellow"),
    **dict.fromkeys(("Expired", "False", "Unlicensed", "denied", "invalid", "no"), "red"),
}
# Full-width as well, as some spreadsheets read it. Tab and carriage return, which others skip, are escaped anyway.
_FORMULA_STARTS: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_LINE_LENGTH: Final = 1 << 30  # of YAML: values are not folded, so that grep finds them
_GAP: Final = "   "  # as kubectl parts columns


class Format(StrEnum):
    """The formats for programs; people get what is easiest to read."""

    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


def output_option(function: FC) -> FC:
    """Add the option `-o json|yaml`, the argument `output`, which is None for people."""
    return _output_option(function, (Format.JSON, Format.YAML), "Print JSON or YAML, for programs.")


def output_or_csv_option(function: FC) -> FC:
    """Add the option `-o json|yaml|csv`, the argument `output`, which is None for people."""
    return _output_option(function, tuple(Format), "Print JSON or YAML, for programs, or CSV, for spreadsheets.")


def _output_option(function: FC, formats: Sequence[Format], explanation: str) -> FC:
    decorate = click.option(
        "-o",
        "--output",
        type=click.Choice([each.value for each in formats]),
        metavar="|".join(formats),
        callback=lambda _ctx, _param, value: None if value is None else Format(value),
        help=explanation,
    )
    return decorate(function)


def emit(documents: Sequence[object], output: Format) -> None:
    """Print documents of mappings, lists and scalars, one after the other."""
    if output is Format.YAML:
        click.echo(render_yaml(*documents), nl=False)
    for document in documents if output is Format.JSON else ():
        click.echo(render_json(document), nl=False)


def render_json(document: object) -> str:
    """Write a document as JSON, indented, with a newline at its end."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return f"{json.dumps(document, indent=2) if _UNSAFE.search(text) else text}\n"


def render_yaml(*documents: object) -> str:
    """Write documents as YAML, members in the order given."""
    import yaml

    from licet.core.writeyaml import Dumper

    def dump(*, allow_unicode: bool) -> str:
        text: str = yaml.dump_all(
            documents, Dumper=Dumper, allow_unicode=allow_unicode, sort_keys=False, width=_LINE_LENGTH
        )
        return text

    text = dump(allow_unicode=True)
    return dump(allow_unicode=False) if _UNSAFE.search(text) else text


def render_csv(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table as RFC 4180 has it: commas, quotes where they are needed, CR LF; None is an empty field.

    What a spreadsheet would take for a formula gets an apostrophe in front: values may come from anybody who may
    install something.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(headers)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else printable(str(value))
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def printable(text: str) -> str:
    """Escape what steers a terminal, in one line of text."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a table as kubectl does; words that tell how something stands are coloured."""
    cells = [list(headers), *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    lines = [
        _GAP.join(tone(cell) + " " * (width - len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


def tone(word: str) -> str:
    """Colour a word that tells that things are good, doubtful or bad."""
    color = _TONES.get(word)
    return click.style(word, fg=color) if color else word


def fields(pairs: Sequence[tuple[str, str]]) -> str:
    """Write labelled values below each other, as kubectl describes an object."""
    width = max(len(label) for label, _ in pairs) + 1
    return "\n".join(f"{f'{label}:':<{width}}   {printable(value)}" for label, value in pairs)
