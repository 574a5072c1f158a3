"""When reports are reconciled; what becomes of them, a real API server shows."""

import asyncio

from aiohttp import web

from licet.cluster.api import KubeApi
from licet.controller.reports import PolicyReports
from scripted_server import ScriptedServer, answer, page, refusal, stream
from support.known_world import KnownWorld

DEFINITION = {
    "metadata": {"name": "policyreports.wgpolicyk8s.io", "uid": "u-1", "resourceVersion": "1"},
    "spec": {"versions": [{"name": "v1alpha2", "served": True}]},
    "status": {"conditions": [{"type": "Established", "status": "True"}]},
}
UNLICENSED = {
    "type": "Licensed",
    "status": "False",
    "reason": "NoLicense",
    "message": "no license",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
INSTALLATION = {
    "metadata": {"namespace": "prod-eu", "name": "platform", "uid": "u-2", "resourceVersion": "1"},
    "status": {"conditions": [UNLICENSED]},
}
REPORT = {"metadata": {"namespace": "prod-eu", "name": "licet", "uid": "u-3", "resourceVersion": "2"}}


class Cluster:
    """Serves policy reports, which may be listed or not, and one Installation."""

    may_list_reports = False
    has_report = False

    async def respond(self, request: web.Request) -> web.StreamResponse:
        _, _, plural = request.path.rpartition("/")
        if plural == "policyreports" and not self.may_list_reports:
            return await refusal(403, "Forbidden")(request)
        if request.method == "POST":
            self.has_report = True
            return await answer(REPORT)(request)
        if "watch" in request.query:
            return await stream(hold=True)(request)
        asked_for = "policyreports" in request.query.get("fieldSelector", "")
        items = {"customresourcedefinitions": [DEFINITION] if asked_for else [], "installations": [INSTALLATION]}
        return await page(*items.get(plural, []))(request)


async def test_reports_that_cannot_be_listed_are_asked_for_once_they_can_and_not_before(
    api: KubeApi, server: ScriptedServer
):
    cluster, asked = Cluster(), asyncio.Event()
    server.will(cluster.respond)
    reports = PolicyReports(api, KnownWorld().world, lambda _: asked.set())
    running = asyncio.create_task(reports.run())
    try:
        async with asyncio.timeout(30):
            await asked.wait()
            assert await reports.reconcile("prod-eu") is None, "nobody looks again in the meantime"
            cluster.may_list_reports = True
            while not cluster.has_report:
                await asked.wait()
                asked.clear()
                await reports.reconcile("prod-eu")
    finally:
        running.cancel()
