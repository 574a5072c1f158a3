"""What both components have in common: options, each of which may come from the environment, and how Python is set."""

import ctypes
import gc
import logging
import sys
from typing import Final

import click
from click.decorators import FC

from licet.cli.files import FILE

_LOG_FORMATS: Final = ("auto", "json", "text")
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")

# Objects more than were freed until Python looks for cycles among them. What comes and goes here by the thousand is
# JSON, which has none: with Python's own 700 the search took an eighth of the controller's CPU while it wrote
# projections. Five times as many would save next to nothing more, and cost 5 MiB.
_GARBAGE_THRESHOLD: Final = 10_000

# What glibc gives back of memory it is asked for again: a large release is read into a dozen pieces of a megabyte, and
# a third of the time went into pages that came and went. One arena is enough where one thread at a time runs, and what
# threads have freed is then of use to all. The numbers of these parameters are in malloc.h.
_MALLOC: Final = {"M_TRIM_THRESHOLD": (-1, 8 << 20), "M_MMAP_THRESHOLD": (-3, 8 << 20), "M_ARENA_MAX": (-8, 1)}


def tune_memory() -> None:
    """Set Python and, where it is glibc, the C library for a program that runs on, before the large imports."""
    gc.set_threshold(_GARBAGE_THRESHOLD)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # musl has none
        for parameter, value in _MALLOC.values():
            mallopt(parameter, value)


def component_options(function: FC) -> FC:
    """Add the options `--kubeconfig`, `--status-host`, `--status-port`, `--log-format` and `--log-level`."""
    options = (
        click.option(
            "--kubeconfig",
            type=FILE,
            metavar="FILE",
            envvar="LICET_KUBECONFIG",
            show_envvar=True,
            help="The kubeconfig to use.  [default: KUBECONFIG, then the Pod's ServiceAccount, then ~/.kube/config]",
        ),
        click.option(
            "--status-host",
            metavar="ADDRESS",
            default="",
            envvar="LICET_STATUS_HOST",
            show_envvar=True,
            help="Address at which /healthz, /readyz and /metrics are served.  [default: all of this machine]",
        ),
        click.option(
            "--status-port",
            type=click.IntRange(0, 65535),
            metavar="PORT",
            default=8080,
            envvar="LICET_STATUS_PORT",
            show_default=True,
            show_envvar=True,
            help="Port of these; 0 for any that is free.",
        ),
        click.option(
            "--log-format",
            type=click.Choice(_LOG_FORMATS),
            default="auto",
            envvar="LICET_LOG_FORMAT",
            show_default=True,
            show_envvar=True,
            help="How log lines are written; auto is text on a terminal and JSON elsewhere.",
        ),
        click.option(
            "--log-level",
            type=click.Choice(_LOG_LEVELS),
            default="info",
            envvar="LICET_LOG_LEVEL",
            show_default=True,
            show_envvar=True,
            callback=_read_level,
            help="The least severe log lines that are written.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _read_level(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    return logging.getLevelNamesMapping()[value.upper()]
