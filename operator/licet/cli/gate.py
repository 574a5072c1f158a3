"""`licet gate`: runs the gate."""

import click

from licet.cli.components import component_options, tune_memory
from licet.cli.options import operator_namespace_option
from licet.cli.program import Command, Example, examples


@examples(Example("Run it on a terminal, for the cluster of a kubeconfig", "licet gate --kubeconfig dev.yaml"))
@click.command(cls=Command)
@operator_namespace_option
@click.option(
    "--host",
    metavar="ADDRESS",
    default="",
    envvar="LICET_HOST",
    show_envvar=True,
    help="Address at which admission reviews are answered, over TLS.  [default: all of this machine]",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    default=8443,
    envvar="LICET_PORT",
    show_default=True,
    show_envvar=True,
    help="Port of these; 0 for any that is free.",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(0, 300),
    metavar="SECONDS",
    default=5.0,
    envvar="LICET_DRAIN_SECONDS",
    show_default=True,
    show_envvar=True,
    help="How long to go on answering after SIGTERM, until no new reviews are sent here.",
)
@component_options
def command(
    *,
    operator_namespace: str,
    host: str,
    port: int,
    drain_seconds: float,
    kubeconfig: str | None,
    status_host: str,
    status_port: int,
    log_format: str,
    log_level: int,
) -> None:
    """It answers the API server's question whether a Helm release may be written, or what asks GitOps tools for one.

    It is a validating admission webhook.

    It runs until SIGTERM or SIGINT. The chart of licet runs two of it in the cluster; it keeps no state of its own.
    """
    tune_memory()
    # Importing it takes longer than most other commands run.
    from licet.cluster.logs import LogFormat
    from licet.gate.main import GateOptions, run

    run(
        GateOptions(
            namespace=operator_namespace,
            kubeconfig=kubeconfig,
            host=host,
            port=port,
            drain_seconds=drain_seconds,
            status_host=status_host,
            status_port=status_port,
            log_format=LogFormat(log_format),
            log_level=log_level,
        )
    )
