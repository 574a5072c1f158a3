"""The `licet` program: the table of its commands. The same program is the kubectl plugin `kubectl licet`."""

import sys
from io import TextIOWrapper
from pathlib import PurePath
from typing import Final

import click

from licet import __version__
from licet.cli.program import PROGRAM, Entry, Group, run

_SECTIONS: Final = {
    "For vendors": {
        "keygen": Entry("licet.cli.keygen", "Make a signing key, and the Vendor manifest that tells clusters of it"),
        "issue": Entry("licet.cli.issue", "Sign a license"),
    },
    "For vendors and clusters": {
        "inspect": Entry("licet.cli.inspect", "Show what a license token says, without verifying it"),
        "verify": Entry("licet.cli.verify", "Tell whether a license token is genuine, and valid at a time"),
        "check": Entry("licet.cli.check", "Tell whether a chart or workloads would be let in"),
    },
    "For clusters": {
        "status": Entry("licet.cli.status", "Show what is trusted, licensed and installed, and what is wrong"),
        "audit": Entry("licet.cli.audit", "List what is installed under which license, and what has none"),
        "explain": Entry("licet.cli.explain", "Explain why something is licensed or not"),
        "break-glass": Entry("licet.cli.breakglass", "Let a release in without a license, in an emergency"),
        "clock": Entry("licet.cli.clock", "Manage the time that licet remembers"),
    },
    "Components": {
        "controller": Entry("licet.cli.controller", "Run the controller"),
        "gate": Entry("licet.cli.gate", "Run the gate"),
    },
    "Program": {
        "completion": Entry("licet.cli.completion", "Print a script that completes commands in a shell"),
        "version": Entry("licet.cli.version", "Print the version"),
    },
}


class _Licet(Group):
    sections = _SECTIONS


@click.group(PROGRAM, cls=_Licet, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s", help="Print the version.")
def cli() -> None:
    """Software licenses in Kubernetes: what was bought is what runs.

    A vendor signs licenses offline; a cluster verifies them, tells each application what it may do, and keeps out
    versions that were not bought.

    Exit codes: 0 done, permitted or valid; 1 not permitted or not valid; 2 the question could not be answered.
    """


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    called = "kubectl licet" if PurePath(sys.argv[0]).stem == "kubectl-licet" else PROGRAM
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # it is None where the caller has closed it
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character is no reason to fail
    sys.exit(run(cli, sys.argv[1:], called=called))
