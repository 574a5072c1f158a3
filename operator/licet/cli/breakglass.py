"""`licet break-glass`: letting one release in without a license, in an emergency, for a while, and on record."""

import asyncio
import re
import time
from typing import Final

import click

from licet.cli.live import ClusterError, ask, get_object, list_break_glasses
from licet.cli.options import cluster_options
from licet.cli.output import Format, emit, output_option
from licet.cli.program import Command, Example, ExitCode, Group, complain, examples
from licet.cli.status import object_table
from licet.cluster.api import JsonObject, KubeApi
from licet.cluster.errors import ApiError
from licet.cluster.resource import BREAK_GLASSES, SELF_SUBJECT_REVIEWS
from licet.core import bounds
from licet.core.timestamps import format_instant
from licet.resources.base import GROUP, VERSION

_DURATION: Final = re.compile(r"(?=.)(?:(?P<hours>\d{1,2})h)?(?:(?P<minutes>\d{1,4})m)?", re.ASCII)
_ROUNDING_SECONDS: Final = 2  # to which the API server's clock is known
_LOOKS: Final = 50  # at whether the controller has judged it, ...
_PAUSE_SECONDS: Final = 0.1  # ... each so long after the one before


@click.group(cls=Group)
def command() -> None:
    """A BreakGlass lets one Helm release in that no license covers, for a day at most.

    It is no license: the release is warned of, counted, and never taken for licensed. Who opened it, why, and what came
    in stays on record until the BreakGlass is deleted.
    """


def _read_duration(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    match = _DURATION.fullmatch(value)
    hours, minutes = (int(part or 0) for part in match.group("hours", "minutes")) if match else (0, 0)
    seconds = hours * 3600 + minutes * 60
    if not 0 < seconds <= bounds.BREAK_GLASS_SECONDS:
        raise click.BadParameter("expected hours and minutes, at most a day, such as 2h, 45m or 1h30m")
    return seconds


@examples(
    Example(
        "Let a release in for an hour",
        "licet break-glass open web -n prod-eu --reason 'incident 4711: the renewal is on its way'",
    ),
    Example(
        "Let one version of one chart in for 20 minutes",
        "licet break-glass open web -n prod-eu --chart acme-platform 3.1.0 --for 20m --reason 'CVE-2026-0001'",
    ),
)
@click.command("open", cls=Command, short_help="Let a release in from now on")
@click.argument("release")
@click.option("-n", "--namespace", required=True, metavar="NS", help="The namespace of the release.")
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why, in 10 to 1,024 characters, for those who ask later."
)
@click.option(
    "--for",
    "seconds",
    default="1h",
    show_default=True,
    metavar="DURATION",
    callback=_read_duration,
    help="For how long: hours and minutes, at most 24h.",
)
@click.option(
    "--chart",
    "charts",
    type=(str, str),
    multiple=True,
    metavar="NAME VERSION",
    help="Only this chart in this version; may be given several times.",
)
@cluster_options
def open_(
    *,
    release: str,
    namespace: str,
    reason: str,
    seconds: int,
    charts: tuple[tuple[str, str], ...],
    kubeconfig: str | None,
    kube_context: str | None,
) -> ExitCode:
    """RELEASE is the name of helm list; it need not exist yet. Install or upgrade it as ever.

    It is opened in your name, as the cluster knows you. You need the right to create breakglasses.licet.dev.

    The exit code is 1 where licenses rule break-glass out for the release.
    """
    spec: JsonObject = {
        "release": {"namespace": namespace, "name": release},
        **({"charts": [{"name": name, "version": version} for name, version in charts]} if charts else {}),
        "reason": reason,
    }
    opened = ask(kubeconfig, kube_context, lambda api: _open(api, spec, seconds))
    name, until = opened["metadata"]["name"], opened["spec"]["until"]
    active = _active(opened)
    if active is not None and active["status"] != "True":
        complain(f"BreakGlass {name} lets nothing in: {active['message']}")
        return ExitCode.NO
    click.echo(f'BreakGlass {name} lets release "{release}" of namespace "{namespace}" in until {until}.')
    if active is None:
        complain("the controller has not looked at it yet; is it running? A license may still rule it out")
    return ExitCode.YES


@examples(Example("End one before its time", "licet break-glass close web-x7k2p"))
@click.command(cls=Command, short_help="End one at once, and delete its record")
@click.argument("name")
@cluster_options
def close(*, name: str, kubeconfig: str | None, kube_context: str | None) -> None:
    """NAME is that of the BreakGlass. From now on it lets nothing in; what came in runs on.

    Of one that has ended by itself this deletes the record.
    """
    closed = ask(kubeconfig, kube_context, lambda api: _close(api, name))
    uses = (closed.get("status") or {}).get("useCount", 0)
    click.echo(f"BreakGlass {name} is closed; {uses} {'revision' if uses == 1 else 'revisions'} came in by it.")


@examples(Example("See who let what in", "licet break-glass list -o yaml"))
@click.command("list", cls=Command, short_help="List those that are open, and those that were")
@cluster_options
@output_option
def list_(*, kubeconfig: str | None, kube_context: str | None, output: Format | None) -> None:
    """Those that have ended are listed until somebody deletes them."""
    found = ask(kubeconfig, kube_context, list_break_glasses)
    if output is None:
        click.echo(object_table(BREAK_GLASSES, found))
    else:
        emit([{"breakGlasses": [describe_break_glass(obj) for obj in found]}], output)


for each in (open_, close, list_):
    command.add_command(each)


def describe_break_glass(obj: JsonObject) -> JsonObject:
    """Write a BreakGlass for programs."""
    metadata = obj["metadata"]
    return {
        "name": metadata["name"],
        "created": metadata["creationTimestamp"],
        "spec": obj["spec"],
        "status": obj.get("status"),
    }


async def _open(api: KubeApi, spec: JsonObject, seconds: int) -> JsonObject:
    """Create one in the caller's name, and wait a moment for the controller to judge it."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    user = (await api.create(SELF_SUBJECT_REVIEWS.path(), review))["status"]["userInfo"]["username"]
    now = time.time() + (api.clock_skew or 0)  # by the API server's clock, which it goes by
    body = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "BreakGlass",
        "metadata": {"generateName": f"{spec['release']['name']}-"},
        "spec": {**spec, "requestedBy": user, "until": format_instant(int(now) + seconds - _ROUNDING_SECONDS)},
    }
    try:
        opened = await api.create(BREAK_GLASSES.path(), body)
    except ApiError as error:
        if error.is_not_found:
            raise ClusterError(f"the cluster has no {BREAK_GLASSES}: licet is not installed in it") from error
        raise
    path = BREAK_GLASSES.path(name=opened["metadata"]["name"])
    for _ in range(_LOOKS):
        if _active(opened) is not None:
            break
        await asyncio.sleep(_PAUSE_SECONDS)
        opened = await get_object(api, path) or opened
    return opened


async def _close(api: KubeApi, name: str) -> JsonObject:
    path = BREAK_GLASSES.path(name=name)
    found = await get_object(api, path)
    if found is None:
        raise ClusterError(f"there is no BreakGlass {name!r}; licet break-glass list names those that there are")
    await api.delete(path, uid=found["metadata"]["uid"])
    return found


def _active(obj: JsonObject) -> JsonObject | None:
    conditions: list[JsonObject] = (obj.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == "Active"), None)
