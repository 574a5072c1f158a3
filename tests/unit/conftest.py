from collections.abc import AsyncIterator

import pytest

from licet.cluster.api import KubeApi
from scripted_server import ScriptedServer, scripted_server


@pytest.fixture
async def server(tmp_path) -> AsyncIterator[ScriptedServer]:
    async with scripted_server(tmp_path) as running:
        yield running


@pytest.fixture
async def api(server) -> AsyncIterator[KubeApi]:
    async with KubeApi.connect(server.kubeconfig(), user_agent="tests/0") as connected:
        yield connected
