"""The control plane as a command: `python -m controlplane --help`."""

import argparse
import contextlib
import shlex
import signal
import sys
from pathlib import Path

from controlplane import Cluster, ControlPlane, ControlPlaneError, ensure_binaries, kubernetes_versions, stop


def main() -> int:
    """Runs the command line, and gives the exit code."""
    arguments = _parser().parse_args()
    try:
        match arguments.command:
            case "build":
                for version in kubernetes_versions() if arguments.every_kubernetes else (arguments.kubernetes,):
                    print(ensure_binaries(version))
            case "run":
                with ControlPlane(arguments.directory, kubernetes=arguments.kubernetes) as plane:
                    _announce(plane)
                    with contextlib.suppress(KeyboardInterrupt):
                        signal.pause()
            case "start":
                log = arguments.directory / "log"
                with ControlPlane(arguments.directory, log_directory=log, kubernetes=arguments.kubernetes) as plane:
                    plane.detach()
                _announce(plane)
            case "stop" if not stop(arguments.directory):
                print(f"no control plane runs in {arguments.directory}", file=sys.stderr)
    except ControlPlaneError as error:
        print(f"controlplane: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="controlplane", description="A Kubernetes control plane on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build the programs where they are missing, and print their directory")
    build.add_argument("--every-kubernetes", action="store_true", help="for each version of Kubernetes that there is")
    run = commands.add_parser("run", help="run a control plane until Ctrl-C, then remove its files")
    run.add_argument("directory", type=Path, nargs="?", help="where its files go; a temporary directory by default")
    start = commands.add_parser("start", help="start a control plane that stays when this command has ended")
    start.add_argument("directory", type=Path, help="where its files go; logs go to `log` in it, and stay")
    for command in (build, run, start):
        command.add_argument(
            "--kubernetes", choices=kubernetes_versions(), help="of this version; by default the newest"
        )
    end = commands.add_parser("stop", help="end the control plane in a directory, and remove its files, save logs")
    end.add_argument("directory", type=Path)
    return parser


def _announce(cluster: Cluster) -> None:
    print(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")
    print(f"export PATH={shlex.quote(str(cluster.bin))}:$PATH", flush=True)


if __name__ == "__main__":
    sys.exit(main())
