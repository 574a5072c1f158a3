"""The page of the documentation that is made of the table."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from textwrap import fill
from typing import Final

from bypasses.table import Row, Section, Table

_PREAMBLE: Final = """\
<!-- Made from tests/bypasses/ by `make generate`; edit it there. -->

# Ways around licet

## What to count on

- **The gate and the workload policies are for teams that want to keep to what was bought.** They refuse what is not
  licensed before anything runs, whichever tool brings it. Who wants to get around them, and may write in a namespace,
  still can: by giving a chart another name, and its images another place.
- **Against whoever administers the cluster nothing in it holds.** But it is on record: what was switched off or let in
  stands in the API server's audit log, and what came in past the gate in the inventory, which `licet audit` prints.
- **The application is the boundary.** It verifies the [license token](vendors.md#verify-in-your-application) itself,
  with the vendor's public key built into it. Nobody in the cluster can forge that, and nothing below changes it.
- **Nothing here stops what runs.** A refusal is about something new. When licet is in doubt, or gone, it refuses new
  things and leaves the rest alone.

## What gets through

Of all attempts below, these are stopped by nothing in the cluster:

{through}
## How to read the tables

Each row is an attempt to run something that is not licensed, and is proved by tests with real Helm and a real API
server: `make test` runs them all. `tests/bypasses/rows/` names them one by one. *Stopped* is said for a Vendor whose
enforcement is `Enforce`; under `Warn` and `Audit` the same is shown or recorded instead. *Team* is somebody with the
role `edit` or `admin` in a namespace, and nothing else; the workload policies are [in force](workloads.md).
"""

_HEADER: Final = """\
| attempt | who can try | answer | what remains | proof |
|---|---|---|---|---|
"""

_NOTHING: Final = "nothing known"


def render(table: Table) -> str:
    """Write the page."""
    through = "".join(map(_bullet, filter(lambda row: row.gets_through, table)))
    return "\n".join((_PREAMBLE.format(through=through), *map(_section, table.sections)))


def _bullet(row: Row) -> str:
    seen = f"seen in {_listed(row.seen_by)}" if row.seen_by else "seen by nobody"
    return fill(f"{row.attempt} ({row.who}; {seen}).", 120, initial_indent="- ", subsequent_indent="  ") + "\n"


def _section(section: Section) -> str:
    about = f"{section.about.strip()}\n\n" if section.about else ""
    return f"## {section.title}\n\n{about}{_HEADER}{''.join(map(_row, section.rows))}"


def _row(row: Row) -> str:
    cells = (row.attempt, row.who, f"{_verdict(row)} {row.how}", row.remains or _NOTHING, _proof(row.tests))
    return f"| {' | '.join(' '.join(cell.split()) for cell in cells)} |\n"


def _verdict(row: Row) -> str:
    parts = []
    if row.stopped_by:
        parts.append(f"**Stopped** by {_listed(row.stopped_by)}.")
    if row.seen_by:
        parts.append(f"**Seen** in {_listed(row.seen_by)}.")
    if row.allowed:
        parts.append("**Allowed** on purpose.")
    return " ".join(parts) or "**Neither stopped nor seen.**"


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _proof(tests: Iterable[str]) -> str:
    files = dict.fromkeys(PurePosixPath(test.partition("::")[0]) for test in tests)
    return ", ".join(f"[{file.parent.name}/{file.stem.removeprefix('test_')}](../{file})" for file in files)
