"""`licet clock`: the time that licet remembers, so that turning a clock back revives no license."""

import asyncio
import sys
from typing import Final

import click

from licet.cli.live import COMPONENT, ClusterError, ask, get_object
from licet.cli.options import cluster_options, operator_namespace_option
from licet.cli.output import table
from licet.cli.program import Command, Example, ExitCode, Group, examples
from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.events import EventRecorder, Regarding
from licet.cluster.resource import CONFIG_MAPS
from licet.cluster.state import MEMORY_KEY, MEMORY_NAME, read_memory
from licet.core.memory import Memory
from licet.core.timestamps import format_instant

_EVENT_REASON: Final = "ClockReset"
_ATTEMPTS: Final = 5  # the controller may write the memory at the same time


@click.group(cls=Group)
def command() -> None:
    """For each issuer licet remembers the latest time that it has seen, and judges licenses for no earlier one.

    So nobody revives a license by turning a clock back.
    """


@examples(
    Example("See what is remembered, and be asked", "licet clock reset"),
    Example("Reset without being asked", "licet clock reset --yes"),
)
@click.command(cls=Command, short_help="Forget how late it has been")
@click.option("--yes", is_flag=True, help="Don't ask.")
@operator_namespace_option
@cluster_options
def reset(*, yes: bool, operator_namespace: str, kubeconfig: str | None, kube_context: str | None) -> ExitCode:
    """For clusters whose clock ran ahead: since then, licenses are taken for expired that are not.

    Set the clocks right first. What was superseded stays superseded. An Event of the ConfigMap licet-memory shows that
    this was done.
    """
    _, memory = ask(kubeconfig, kube_context, lambda api: _read(api, operator_namespace))
    if not any(memory.marks.values()):
        click.echo("No time is remembered.")
        return ExitCode.YES
    rows = [(issuer, format_instant(mark)) for issuer, mark in sorted(memory.marks.items())]
    click.echo(table(("ISSUER", "LATEST"), rows))
    if not yes and sys.stdin is None:  # as it is where the caller has closed it
        raise click.UsageError("standard input is closed, so nobody can be asked; --yes resets without asking")
    if not yes and not click.confirm("Forget these times, and go by the clock again?"):
        return ExitCode.NO
    ask(kubeconfig, kube_context, lambda api: _reset(api, operator_namespace))
    click.echo("Forgotten.")
    return ExitCode.YES


command.add_command(reset)


async def _read(api: KubeApi, namespace: str) -> tuple[JsonObject, Memory]:
    config_map = await get_object(api, CONFIG_MAPS.path(namespace, MEMORY_NAME))
    if config_map is None:
        raise ClusterError(f"licet remembers nothing: there is no ConfigMap {MEMORY_NAME} in namespace {namespace}")
    return config_map, read_memory(config_map) or Memory()


async def _reset(api: KubeApi, namespace: str) -> None:
    """Write the memory without its marks, over what it is by then, and an Event about it."""
    for attempt in range(1, _ATTEMPTS + 1):
        config_map, memory = await _read(api, namespace)
        config_map.setdefault("data", {})[MEMORY_KEY] = memory.without_marks().dump()
        try:
            written = await api.replace(CONFIG_MAPS.path(namespace, MEMORY_NAME), config_map)
            break
        except ApiError as error:
            if not error.is_conflict or attempt == _ATTEMPTS:
                raise
    events = EventRecorder(api, COMPONENT)
    writing = asyncio.create_task(events.run())
    regarding = Regarding("v1", "ConfigMap", MEMORY_NAME, namespace, written["metadata"]["uid"])
    latest = format_instant(max(memory.marks.values(), default=0))
    events.emit(regarding, _EVENT_REASON, f"the remembered times were reset, the latest of which was {latest}")
    await events.flush()
    writing.cancel()
