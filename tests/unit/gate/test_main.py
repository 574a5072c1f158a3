import asyncio
import subprocess
import sys

import pytest

from licet.cluster.api import KubeApi
from licet.gate.main import Gate, GateOptions
from licet.gate.server import ListenError
from scripted_server import write_kubeconfig

NOWHERE = {"server": "http://127.0.0.1:1"}


@pytest.fixture
async def api(tmp_path):
    """An API server that does not answer."""
    config = write_kubeconfig(tmp_path / "kubeconfig", cluster=NOWHERE, user={})
    async with KubeApi.connect(config, user_agent="tests/0") as connected:
        yield connected


def options(port: int = 0) -> GateOptions:
    return GateOptions(namespace="licet-system", host="127.0.0.1", port=port)


async def test_gate_says_what_it_waits_for(api):
    gate = Gate(api, options())
    stopping = asyncio.Event()
    running = asyncio.create_task(gate.run(stopping))
    async with asyncio.timeout(30):
        while not gate.port:  # noqa: ASYNC110 - it is the gate's to set
            await asyncio.sleep(0.001)
    assert [problem.partition(":")[0] for problem in gate.problems()] == ["cluster", "certificate", "webhook"]
    stopping.set()
    await running


async def test_gate_that_serves_nothing_yet_stops_at_once(api):
    stopping = asyncio.Event()
    running = asyncio.create_task(Gate(api, options()).run(stopping))
    await asyncio.sleep(0.02)
    stopping.set()
    await asyncio.wait_for(running, 4)  # a drain takes longer


async def test_address_that_is_taken_ends_the_gate(api):
    async def nobody(*_):
        raise AssertionError

    other = await asyncio.start_server(nobody, "127.0.0.1", 0)
    async with other:
        with pytest.raises(ListenError, match="choose another address"):
            await Gate(api, options(other.sockets[0].getsockname()[1])).run(asyncio.Event())


def test_gate_loads_no_operator_framework():
    script = "import sys, licet.gate.main; print(*({'kopf', 'click'} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).split() == []
