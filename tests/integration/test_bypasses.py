"""The table of bypasses is complete: each row is proved by tests that exist, and the page says what the table does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bypasses.__main__ import main
from bypasses.table import Table

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"


@pytest.fixture(scope="module")
def table() -> Table:
    return Table.read()


def test_every_row_has_tests_that_exist(table: Table) -> None:
    """As pytest finds them; a name without parameters stands for all of a test's."""
    named = {test for row in table for test in row.tests}
    files = sorted({test.partition("::")[0] for test in named})
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-2000:]
    collected = [line for line in found.stdout.splitlines() if "::" in line]
    known = {node for line in collected for node in (line, line.partition("[")[0], line.rpartition("::")[0])}
    assert named - known == set()


def test_no_row_is_told_twice(table: Table) -> None:
    attempts = [row.attempt for row in table]
    assert len(attempts) == len(set(attempts))


def test_a_row_that_nothing_stops_says_what_remains(table: Table) -> None:
    assert not [row for row in table if row.gets_through and row.remains is None]


def test_the_page_says_what_the_table_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(PAGE), "--check"]) == 0
    stale = tmp_path / "security.md"
    stale.write_text(f"{PAGE.read_text()}\n")
    assert main([str(stale), "--check"]) == 1
    assert "make generate" in capsys.readouterr().err
    assert main([str(stale)]) == 0
    assert stale.read_text() == PAGE.read_text()
