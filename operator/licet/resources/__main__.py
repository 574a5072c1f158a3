"""`python -m licet.resources DIR…`: write the CRDs; with `--check`, tell whether they are up to date."""

import argparse
import sys
from pathlib import Path

from licet.resources.crd import generated_files


def main(arguments: list[str] | None = None) -> int:
    """Write the CRD files into each directory, or check them; returns the exit code: 1 where a file differs."""
    parser = argparse.ArgumentParser(prog="python -m licet.resources", description="Generate the CRDs of licet.")
    parser.add_argument("directories", metavar="DIR", nargs="+", type=Path, help="where the files go")
    parser.add_argument("--check", action="store_true", help="write nothing; name the files that differ and exit 1")
    options = parser.parse_args(arguments)
    files = generated_files()
    stale = [path for directory in options.directories for path in _stale(directory, files)]
    for path in stale:
        if options.check:
            sys.stderr.write(f"{path} is not what the models give; run: python -m licet.resources {path.parent}\n")
        elif path.name in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path.name], encoding="utf-8")
        else:
            path.unlink()
    return 1 if options.check and stale else 0


def _stale(directory: Path, files: dict[str, str]) -> list[Path]:
    """List the files to write, and those of kinds that are no more."""
    paths = {directory / name for name in files} | set(directory.glob("*.yaml"))
    return sorted(
        path for path in paths if not path.is_file() or path.read_text(encoding="utf-8") != files.get(path.name)
    )


if __name__ == "__main__":
    sys.exit(main())
