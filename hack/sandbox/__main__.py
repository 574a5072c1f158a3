"""The sandbox as a command: `python -m sandbox --help`."""

import argparse
import shlex
import sys
import time
from pathlib import Path

from controlplane import ControlPlaneError, kubernetes_versions
from sandbox import Sandbox, SandboxError, start, stop


def main() -> int:
    """Runs the command line, and gives the exit code."""
    arguments = _parser().parse_args()
    directory: Path = arguments.directory.resolve()
    try:
        match arguments.command:
            case "start":
                begun = time.monotonic()
                sandbox = start(directory, kubernetes=arguments.kubernetes)
                _announce(sandbox, time.monotonic() - begun)
            case "stop":
                _say(f"the sandbox in {directory} is gone" if stop(directory) else f"no sandbox runs in {directory}")
            case "guard":
                sys.stdin.read()
                stop(directory)
    except (SandboxError, ControlPlaneError) as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox", description="licet on a Kubernetes control plane of its own.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in (
        ("start", "start a sandbox that stays when this command has ended, or what of it does not run"),
        ("stop", "end a sandbox, and remove its files"),
        ("guard", "stop a sandbox when standard input ends"),
    ):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("directory", type=Path, help="where its files go")
        if name == "start":
            command.add_argument(
                "--kubernetes",
                choices=kubernetes_versions(),
                help="the version of the API server; by default the newest",
            )
    return parser


def _announce(sandbox: Sandbox, seconds: float) -> None:
    _say(f"ready after {seconds:.0f} s: licet runs in the namespace {sandbox.namespace}, and logs to {sandbox.log}")
    print(f"export KUBECONFIG={shlex.quote(str(sandbox.cluster.kubeconfig))}")
    print(f"export PATH={shlex.quote(str(sandbox.cluster.bin))}:$PATH", flush=True)


def _say(text: str) -> None:
    print(f"sandbox: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
