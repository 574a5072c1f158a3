"""Events that licet writes show where people look for them."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from controlplane import Cluster
from licet.cluster.api import KubeApi
from licet.cluster.events import EventRecorder, EventType, Regarding
from licet.cluster.resource import CONFIG_MAPS, NAMESPACES


@pytest.fixture
async def api(control_plane: Cluster) -> AsyncIterator[KubeApi]:
    async with KubeApi.connect(control_plane.kubeconfig, user_agent="licet-tests/0") as connected:
        yield connected


@pytest.fixture
async def recorder(api: KubeApi) -> AsyncIterator[EventRecorder]:
    made = EventRecorder(api, "licet-tests")
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def kubectl(control_plane: Cluster, *arguments: str) -> str:
    environment = os.environ | {"KUBECONFIG": str(control_plane.kubeconfig)}
    command = [str(control_plane.bin / "kubectl"), *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


async def test_event_shows_in_describe_with_its_count_and_source(api, recorder, control_plane, namespace):
    obj = await api.create(CONFIG_MAPS.path(namespace), {"metadata": {"name": "it"}})
    regarding = Regarding("v1", "ConfigMap", "it", namespace, obj["metadata"]["uid"])
    for _ in range(3):
        recorder.emit(regarding, "Denied", "chart acme 3.1.0 is not licensed", event_type=EventType.WARNING)
    await recorder.flush()
    described = await kubectl(control_plane, "describe", "configmap", "it", "-n", namespace)
    (line,) = (line for line in described.splitlines() if "Denied" in line)
    assert line.split(maxsplit=2)[:2] == ["Warning", "Denied"]
    assert "(x3 over" in line
    assert line.endswith("licet-tests  chart acme 3.1.0 is not licensed")


async def test_events_are_listed_in_the_order_of_their_last_time(api, recorder, control_plane, namespace):
    for name in ("one", "two"):
        recorder.emit(Regarding("v1", "ConfigMap", name, namespace), "Projected", "done")
    await recorder.flush()
    listed = await kubectl(control_plane, "get", "events", "-n", namespace, "--sort-by=.lastTimestamp", "-o", "json")
    events = [item for item in json.loads(listed)["items"] if item["reason"] == "Projected"]
    assert [event["involvedObject"]["name"] for event in events] == ["one", "two"]
    assert all(event["lastTimestamp"] and event["reportingComponent"] == "licet-tests" for event in events)


async def test_event_about_a_cluster_scoped_object_is_accepted_and_shows(api, recorder, control_plane, namespace):
    uid = (await api.get(NAMESPACES.path(name=namespace)))["metadata"]["uid"]
    recorder.emit(Regarding("v1", "Namespace", namespace, uid=uid), "Verified", "it counts")
    await recorder.flush()
    shown = await kubectl(control_plane, "events", "-n", "default", "--for", f"namespace/{namespace}")
    assert "it counts" in shown


async def test_event_for_a_namespace_that_does_not_exist_is_lost_with_one_line(recorder, caplog):
    for number in range(3):
        recorder.emit(Regarding("v1", "ConfigMap", f"c{number}", "no-such-namespace"), "Projected", "done")
    await recorder.flush()
    assert len(caplog.records) == 1
    assert "no-such-namespace" in caplog.text
