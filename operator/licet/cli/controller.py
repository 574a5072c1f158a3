"""`licet controller`: runs the controller."""

import click

from licet.cli.components import component_options, tune_memory
from licet.cli.options import operator_namespace_option
from licet.cli.program import Command, Example, examples


@examples(Example("Run it on a terminal, for the cluster of a kubeconfig", "licet controller --kubeconfig dev.yaml"))
@click.command(cls=Command)
@operator_namespace_option
@click.option(
    "--inventory/--no-inventory",
    default=True,
    envvar="LICET_INVENTORY",
    show_default=True,
    show_envvar=True,
    help="Whether releases and workloads are read, for Installations.",
)
@click.option(
    "--workload-policies/--no-workload-policies",
    default=False,
    envvar="LICET_WORKLOAD_POLICIES",
    show_default=True,
    show_envvar=True,
    help="Whether the API server's admission policies are told what is licensed, by WorkloadPolicies.",
)
@click.option(
    "--policy-reports/--no-policy-reports",
    default=True,
    envvar="LICET_POLICY_REPORTS",
    show_default=True,
    show_envvar=True,
    help="Whether what is installed without a license is told in policy reports, where their kinds are installed.",
)
@click.option(
    "--exempt-user",
    "exempt_users",
    metavar="USER",
    multiple=True,
    help="A user whose workloads these policies do not judge: a controller that makes Pods of workloads of its own "
    "kinds, such as system:serviceaccount:argo-rollouts:argo-rollouts. May be given several times.",
)
@component_options
def command(
    *,
    operator_namespace: str,
    inventory: bool,
    workload_policies: bool,
    policy_reports: bool,
    exempt_users: tuple[str, ...],
    kubeconfig: str | None,
    status_host: str,
    status_port: int,
    log_format: str,
    log_level: int,
) -> None:
    """It verifies Licenses, writes what Entitlements ask for into ConfigMaps and Secrets, and keeps the inventory.

    It runs until SIGTERM or SIGINT. The chart of licet runs it in the cluster; one at a time is enough.
    """
    tune_memory()
    # Importing it takes longer than most other commands run.
    from licet.cluster.logs import LogFormat
    from licet.controller.main import ControllerOptions, run

    run(
        ControllerOptions(
            namespace=operator_namespace,
            kubeconfig=kubeconfig,
            status_host=status_host,
            status_port=status_port,
            inventory=inventory,
            workload_policies=workload_policies,
            policy_reports=policy_reports,
            exempt_users=exempt_users,
            log_format=LogFormat(log_format),
            log_level=log_level,
        )
    )
