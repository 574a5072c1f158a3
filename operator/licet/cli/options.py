"""Options that several commands share."""

import time
from typing import Final

import click
from click.decorators import FC

from licet.cli.files import FILE
from licet.core.timestamps import parse_instant

OPERATOR_NAMESPACE: Final = "licet-system"


def cluster_options(function: FC) -> FC:
    """Add the options `--kubeconfig` and `--context` of kubectl."""
    kubeconfig = click.option(
        "--kubeconfig",
        type=FILE,
        metavar="FILE",
        help="The kubeconfig to use.  [default: as kubectl: KUBECONFIG, then ~/.kube/config]",
    )
    context = click.option("--context", "kube_context", metavar="NAME", help="The context of the kubeconfig to use.")
    return kubeconfig(context(function))


def at_option(function: FC) -> FC:
    """Add the option `--at TIME`, the argument `at` in epoch seconds; the current time by default."""
    decorate = click.option(
        "--at",
        callback=_read_instant,
        metavar="TIME",
        help="The time to answer for, such as 2027-01-01 or 2027-01-01T12:00:00Z.  [default: now]",
    )
    return decorate(function)


def cluster_uid_option(function: FC) -> FC:
    """Add the option `--cluster-uid UID`, which is None where no cluster is to be judged for."""
    decorate = click.option(
        "--cluster-uid",
        metavar="UID",
        help="UID of the cluster's namespace kube-system, for licenses that are bound to clusters; without it such "
        "bindings are left out of account.",
    )
    return decorate(function)


def labels_option(function: FC) -> FC:
    """Add the option `--namespace-labels KEY=VALUE,…`, a mapping."""
    decorate = click.option(
        "--namespace-labels",
        metavar="KEY=VALUE,…",
        default="",
        callback=_read_labels,
        help="With files: the labels of the namespace, for Licenses that select namespaces by them.",
    )
    return decorate(function)


def operator_namespace_option(function: FC) -> FC:
    """Add the option `--operator-namespace NS`."""
    decorate = click.option(
        "--operator-namespace",
        metavar="NAMESPACE",
        default=OPERATOR_NAMESPACE,
        envvar="LICET_OPERATOR_NAMESPACE",
        show_default=True,
        show_envvar=True,
        help="Where licet runs, and reads the Secrets that Licenses refer to.",
    )
    return decorate(function)


def _read_instant(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int:
    if value is None:
        return int(time.time())
    try:
        return parse_instant(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _read_labels(_ctx: click.Context, _param: click.Parameter, value: str) -> dict[str, str]:
    pairs = [text.strip().partition("=") for text in value.split(",") if text.strip()]
    if any(not key or not equals for key, equals, _ in pairs):
        raise click.BadParameter("expected labels as KEY=VALUE, with commas between them")
    return {key: text for key, _, text in pairs}
