"""What the gate does when something else fails, and what others can do when the gate does."""

import pytest

from support.gate_process import GateProcess, apply, kubectl, register, until
from support.watch_cutter import WatchCutter


@pytest.fixture
def cut_off(site, tmp_path):
    """A second gate in the place of the first, behind a proxy that can cut its watches."""
    with WatchCutter(site.cluster) as proxy:
        kubeconfig = proxy.kubeconfig(site.kubeconfig, tmp_path / "kubeconfig")
        with GateProcess(kubeconfig, tmp_path / "gate.log") as second:
            second.await_ready()
            register(site.cluster, second.url, site.authority)
            yield second, proxy
    register(site.cluster, site.gate.url, site.authority)


@pytest.fixture
def gate_away(site):
    """No gate answers."""
    site.gate.kill()
    yield
    site.gate.start()
    site.gate.await_ready()


def test_license_counts_though_no_watch_tells_of_it(site, cut_off):
    second, proxy = cut_off
    until(lambda: "is not licensed" in str(site.install()) and bool(second.lines(result="denied")))
    proxy.cut()
    site.apply_license()
    assert site.install() is None
    assert second.line(result="allowed", live=True)
    assert "2.0.0" in str(site.install("3.1.0"))


def test_release_is_refused_while_the_gate_is_away(site, gate_away):
    site.apply_license()
    refusal = site.install()
    assert refusal.status == 500
    assert 'failed calling webhook "releases.gate.licet.dev"' in str(refusal)


def test_uninstalling_and_scaling_work_while_the_gate_is_away(site, request):
    site.apply_license()
    assert site.install(name="web") is None
    request.getfixturevalue("gate_away")
    release = "secret/sh.helm.release.v1.web.v1"
    kubectl(site.cluster, "label", "-n", site.namespace, release, "status=uninstalling", "--overwrite")
    kubectl(site.cluster, "delete", "-n", site.namespace, release)
    plain = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "plain", "namespace": site.namespace}}
    apply(site.cluster, plain)


def test_gate_recovers_from_a_restart_of_the_api_server(site):
    site.apply_license()
    assert site.install() is None
    site.cluster.kill_api_server()
    try:
        until(lambda: bool(site.gate.lines(level="warning", logger="licet.cluster.watch")))
        assert site.gate.readiness()[0] == 200  # for a minute, what is known is good enough
    finally:
        site.cluster.start_api_server()
    assert site.install() is None
    assert "2.0.0" in str(site.install("3.1.0"))
    site.apply_license(series="s", sequence=1, charts=[{"name": "*"}])
    until(lambda: site.install("3.1.0") is None)
    until(lambda: any("is back" in line["message"] for line in site.gate.lines(logger="licet.cluster.watch")))


def test_gate_that_starts_without_an_api_server_waits_for_it(site, tmp_path):
    site.cluster.kill_api_server()
    with GateProcess(site.kubeconfig, tmp_path / "gate.log") as second:
        try:
            until(lambda: "identity was not read" in second.readiness()[1])
        finally:
            site.cluster.start_api_server()
        second.await_ready()
