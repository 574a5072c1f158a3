"""The benchmark as a command: `python -m bench --help`."""

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench import admission, core, instructions, inventory, projection, report, scale
from bench.arms import arms
from bench.programs import build_tools
from bench.progress import duration, say
from controlplane import ControlPlaneError
from sandbox import SandboxError

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "benchmark.md"
BEGIN: Final = "<!-- begin: written by make bench -->\n"
END: Final = "<!-- end: written by make bench -->\n"

_COUNTS: Final = (100, 1_000, 10_000)
_QUICK_COUNTS: Final = (100,)
_LICENSES: Final = (10, 100, 1_000)


def main() -> int:
    """Runs the command line, and gives the exit code."""
    arguments = _parser().parse_args()
    try:
        match arguments.command:
            case "instructions":
                return _check_instructions(renew=arguments.renew)
            case _:
                return _measure(arguments)
    except (SandboxError, ControlPlaneError, instructions.CountingError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Measures licet beside its peers.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure, print tables, and write them")
    run.add_argument("parts", nargs="*", choices=[[], *_PARTS], help="what to measure; by default everything")
    run.add_argument("--quick", action="store_true", help="a few minutes instead of 40, and figures to match")
    run.add_argument("--arm", action="append", default=[], help="of admission, only this one; may be repeated")
    run.add_argument("--json", type=Path, required=True, help="where results go; parts that are not measured stay")
    run.add_argument("--page", action="store_true", help="write tables and drawings into docs/ too")
    check = commands.add_parser("instructions", help="compare the core's instructions with the baseline")
    check.add_argument("--renew", action="store_true", help="make them the baseline")
    return parser


def _measure(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    results: dict[str, Any] = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    results["machine"] = (
        f"{_cores()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    code = 0
    for part in arguments.parts or _PARTS:
        try:
            results[part] = _PARTS[part](arguments)
        except (SandboxError, ControlPlaneError) as error:  # what was measured so far, perhaps for long, is kept
            say(f"{part} could not be measured: {error}")
            code = 1
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    text = report.markdown(results)
    print(text)
    if arguments.page:
        write_page(PAGE, text, report.drawings(results))
    say(f"done after {duration(time.monotonic() - started)}; the figures are in {arguments.json}")
    return code


def write_page(page: Path, text: str, drawings: dict[str, str]) -> None:
    """Puts text between the marks of a page, which is there already, and drawings beside the page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    for name, drawing in drawings.items():
        (page.parent / name).write_text(drawing)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _core(arguments: argparse.Namespace) -> dict[str, Any]:
    prices = core.measure(core.QUICK_ROUNDS if arguments.quick else core.ROUNDS)
    return {"prices": [price.to_json() for price in prices], "instructions": instructions.load_baseline()}


def _admission(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    plan = admission.QUICK if arguments.quick else admission.FULL
    with tempfile.TemporaryDirectory(prefix="licet-bench-") as directory:
        samples = admission.measure(arms(arguments.arm), plan, build_tools(), Path(directory))
    return [sample.to_json() for sample in samples]


def _projection(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    counts, changes, idle = (_QUICK_COUNTS, 3, 5.0) if arguments.quick else (_COUNTS, 3, 60.0)
    return [dataclasses.asdict(each) for each in projection.measure(counts, changes=changes, idle_seconds=idle)]


def _inventory(arguments: argparse.Namespace) -> dict[str, Any]:
    return dataclasses.asdict(inventory.measure(200 if arguments.quick else 5_000, build_tools()))


def _scale(_arguments: argparse.Namespace) -> list[dict[str, Any]]:
    return [dataclasses.asdict(each) for each in scale.measure(_LICENSES)]


_PARTS: Final[dict[str, Callable[[argparse.Namespace], Any]]] = {
    "core": _core,
    "admission": _admission,
    "projection": _projection,
    "inventory": _inventory,
    "scale": _scale,
}


def _check_instructions(*, renew: bool) -> int:
    counted = instructions.count()
    if renew:
        instructions.save_baseline(counted)
    baseline = instructions.load_baseline()
    for name, number in counted.items():
        print(f"{name:32}{number:>14,}{f'{number / baseline[name] - 1:+.1%}' if name in baseline else '':>9}")
    if not baseline:
        say(f"there is no baseline for {instructions.platform_key()}; --renew makes one")
        return 0
    complaints = instructions.compare(counted, baseline)
    for complaint in complaints:
        say(complaint)
    return 1 if complaints else 0


def _cores() -> int:
    return os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
