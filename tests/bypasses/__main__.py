"""`python -m bypasses PAGE`: write the page of the table; with `--check`, tell whether it is up to date."""

import argparse
import sys
from pathlib import Path

from bypasses.page import render
from bypasses.table import Table


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or check it; returns the exit code: 1 where it differs."""
    parser = argparse.ArgumentParser(prog="python -m bypasses", description="Write the table of bypasses as a page.")
    parser.add_argument("page", metavar="PAGE", type=Path, help="where it goes")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page differs")
    options = parser.parse_args(arguments)
    text = render(Table.read())
    if not options.check:
        options.page.write_text(text, encoding="utf-8")
    elif not options.page.is_file() or options.page.read_text(encoding="utf-8") != text:
        sys.stderr.write(f"{options.page} is not what tests/bypasses/rows/ says; run: make generate\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
