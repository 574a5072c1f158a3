"""Reading the documentation as a program: code blocks, commands with the output that they are said to print, links.

Notation in the pages:

- A block ```console has commands on lines that begin with `$ `, each followed by all that it prints. A command goes on
  over lines that end in a backslash.
- A block with `file=NAME` after its language is a file that the reader is told to save under that name.
- What is different each time need not agree: times, ages, UIDs, tokens, decision IDs, key IDs, and how wide the columns
  of a table are. Everything else has to. `…` stands for anything, and on a line of its own for any lines.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ANYTHING: Final = "…"

_FENCE: Final = re.compile(r"^(?P<indent> *)```(?P<language>[a-z]*) *(?:file=(?P<file>\S+))?$")
_HEADING: Final = re.compile(r"^#+ +(.+?) *$")
_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", re.DOTALL)
_PROMPT: Final = "$ "

# What is different each time, the longest forms first.
_VARYING: Final = re.compile(
    r"eyJ[\w-]+(?:\.[\w-]+\.[\w-]+|…)"  # a token, whole or cut off
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"  # a UID
    r"|\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"  # a time
    r"|(?<![\w-])[\w-]{43}(?![\w-])"  # a key, or its thumbprint
    r"|(?<![0-9A-Z])[0-9A-HJKMNP-TV-Z]{26}(?![0-9A-Z])"  # a ULID
    r"|(?<=  )\d+[smh](?:\d+s)?(?= |$)"  # an age
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code; `line` is that of its first line in the page."""

    page: Path
    line: int
    language: str
    file: str | None
    text: str

    @property
    def where(self) -> str:
        """Its place, as messages name it."""
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and what it is said to print."""

    where: str
    command: str
    output: str


def blocks(page: Path) -> Iterator[Block]:
    """List the fenced blocks of a page; raises `AssertionError` for one that is not closed."""
    opened: re.Match[str] | None = None
    first, lines = 0, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if opened is None:
            opened, first, lines = _FENCE.match(line), number + 1, []
            assert opened or not line.lstrip().startswith("```"), f"{page.name}:{number}: not a fence that is known"
        elif line == f"{opened['indent']}```":
            text = "".join(f"{each.removeprefix(opened['indent'])}\n" for each in lines)
            yield Block(page, first, opened["language"], opened["file"], text)
            opened = None
        else:
            lines.append(line)
    assert opened is None, f"{page.name}:{first}: the block does not end"


def steps(block: Block) -> list[Step]:
    """List the commands of a console block."""
    found: list[tuple[int, list[str], list[str]]] = []
    for offset, line in enumerate(block.text.splitlines()):
        if line.startswith(_PROMPT):
            found.append((block.line + offset, [line.removeprefix(_PROMPT)], []))
            continue
        assert found, f"{block.where}: output without a command before it"
        _, command, output = found[-1]
        (command if command[-1].endswith("\\") and not output else output).append(line)
    return [Step(f"{block.page.name}:{line}", "\n".join(command), "\n".join(output)) for line, command, output in found]


def agree(written: str, printed: str) -> bool:
    """Tell whether what a page shows is what a command printed, by the rules above."""
    pattern = "".join(map(_pattern, _even(written).splitlines()))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _even(printed).splitlines())) is not None


def prose(page: Path) -> str:
    """Give the text of a page without its blocks of code."""
    text, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = line.lstrip().startswith("```")
        inside = inside is not fence
        text.append("" if inside or fence else line)
    return "\n".join(text)


def links(page: Path) -> list[str]:
    """List the targets of all links in a page."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Name the headings of a page as links refer to them, by the rules of GitHub."""
    headings = (match[1] for line in prose(page).splitlines() if (match := _HEADING.match(line)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _even(text: str) -> str:
    """Write text so that what may differ does not."""
    lines = (" ".join(_VARYING.sub("<varies>", line).split()) for line in text.splitlines())
    return "\n".join(lines).strip("\n")


def _pattern(line: str) -> str:
    """Make a regular expression of a line."""
    if line == ANYTHING:
        return r"(?:.*\n)*?"
    return re.escape(line).replace(re.escape(ANYTHING), ".*") + r"\n"
