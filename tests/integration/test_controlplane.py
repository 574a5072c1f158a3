"""The control plane that all other tests stand on does what a cluster does, and goes when it should."""

import contextlib
import json
import os
import signal
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

import controlplane
from controlplane import ApiError, Cluster, ControlPlane, ControlPlaneError
from support.process_table import processes

HACK = Path(controlplane.__file__).parents[1]

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap"}

OWNER = """
import pathlib, sys, time
from controlplane import ControlPlane
with ControlPlane(*map(pathlib.Path, sys.argv[1:])) as plane:
    print(plane.directory, flush=True)
    time.sleep(600)
"""


def test_garbage_collector_deletes_what_a_deleted_owner_owned(control_plane: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = control_plane.request("POST", path, CONFIG_MAP | {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    owned = {"name": "owned", "ownerReferences": [reference]}
    control_plane.request("POST", path, CONFIG_MAP | {"metadata": owned})

    control_plane.request("DELETE", f"{path}/owner")

    eventually(lambda: not exists(control_plane, f"{path}/owned"))


def test_deleting_a_namespace_deletes_what_is_in_it(control_plane: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    control_plane.request("POST", f"{path}/configmaps", CONFIG_MAP | {"metadata": {"name": "content"}})

    control_plane.request("DELETE", path)

    eventually(lambda: not exists(control_plane, path))
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert not exists(control_plane, f"{path}/configmaps/content")


def test_deployment_makes_a_replica_set_and_pods(control_plane: Cluster, namespace: str) -> None:
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "example.org/web:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}
    path = f"/apis/apps/v1/namespaces/{namespace}"
    control_plane.request("POST", f"{path}/deployments", {"metadata": {"name": "web"}, "spec": spec})

    eventually(lambda: len(items(control_plane, f"/api/v1/namespaces/{namespace}/pods")) == 2)
    assert [rs["metadata"]["ownerReferences"][0]["name"] for rs in items(control_plane, f"{path}/replicasets")] == [
        "web"
    ]


def test_kubectl_and_api_server_tell_their_version(control_plane: Cluster) -> None:
    versions = json.loads(run(control_plane, "kubectl", "version", "-o", "json").stdout)

    for side in ("clientVersion", "serverVersion"):
        assert (versions[side]["major"], versions[side]["minor"]) == ("1", "37")
        assert versions[side]["gitVersion"].startswith("v1.37.")


@pytest.mark.parametrize(("program", "release"), [("helm", "v4."), ("helm3", "v3.")])
def test_helm_tells_its_version(control_plane: Cluster, program: str, release: str) -> None:
    assert run(control_plane, program, "version", "--template={{.Version}}").stdout.startswith(release)


def test_service_account_may_do_what_its_role_says_and_no_more(
    control_plane: Cluster, namespace: str, tmp_path: Path
) -> None:
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": namespace}
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    metadata = {"metadata": {"name": "reader"}}
    control_plane.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", metadata)
    control_plane.request("POST", f"{rbac}/roles", metadata | {"rules": [rule]})
    control_plane.request("POST", f"{rbac}/rolebindings", metadata | {"roleRef": role, "subjects": [subject]})

    kubeconfig = control_plane.service_account_kubeconfig(namespace, "reader", tmp_path / "reader.kubeconfig")

    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    eventually(lambda: run(control_plane, "kubectl", "get", "configmaps", kubeconfig=kubeconfig).returncode == 0)
    for refused in (["get", "secrets"], ["get", "configmaps", "-n", "default"], ["delete", "configmaps", "--all"]):
        answer = run(control_plane, "kubectl", *refused, kubeconfig=kubeconfig)
        assert "Forbidden" in answer.stderr
        assert f"system:serviceaccount:{namespace}:reader" in answer.stderr


def test_anonymous_requests_are_refused(control_plane: Cluster) -> None:
    trust = ssl.create_default_context(cafile=control_plane.ca_file)

    with pytest.raises(HTTPError, match="403"):
        urlopen(f"{control_plane.server}/api/v1/namespaces", context=trust)


def test_api_server_comes_back_at_its_address_with_all_data(control_plane: ControlPlane, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    control_plane.request("POST", path, CONFIG_MAP | {"metadata": {"name": "kept"}})

    control_plane.kill_api_server()
    with pytest.raises(ConnectionRefusedError):
        control_plane.request("GET", "/readyz")
    control_plane.start_api_server()

    assert exists(control_plane, f"{path}/kept")
    control_plane.request("POST", path, CONFIG_MAP | {"metadata": {"name": "added"}})


def test_control_planes_live_side_by_side_and_leave_nothing(
    control_plane: Cluster, namespace: str, tmp_path: Path
) -> None:
    directory = tmp_path / "other"
    with ControlPlane(directory) as other:
        assert other.server != control_plane.server
        assert other.ca_file.read_bytes() != control_plane.ca_file.read_bytes()
        assert exists(control_plane, f"/api/v1/namespaces/{namespace}")
        assert not exists(other, f"/api/v1/namespaces/{namespace}")
        assert len(processes(directory)) == 4  # etcd, API server, controller manager, supervisor

        with pytest.raises(ControlPlaneError, match="already"), ControlPlane(directory):
            pass
        assert exists(other, "/api/v1/namespaces/default")

    assert processes(directory) == []
    assert files(directory) == []


def test_logs_stay_where_they_are_wanted(tmp_path: Path) -> None:
    class SomethingFailsError(Exception):
        pass

    logs = tmp_path / "logs"
    with pytest.raises(SomethingFailsError), ControlPlane(tmp_path / "plane", log_directory=logs):
        raise SomethingFailsError

    assert files(tmp_path / "plane") == []
    assert {path.stem for path in logs.iterdir()} == {
        "audit",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "supervisor",
    }


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_death_of_the_owner_ends_everything(number: signal.Signals) -> None:
    with owner() as (process, directory):
        assert len(processes(directory)) >= 4

        os.killpg(process.pid, number)  # as a terminal does it on Ctrl-C: to the group
        process.wait()

        eventually(lambda: processes(directory) == [] and not directory.exists())


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells a process of its parent's death on Linux only")
def test_death_of_the_supervisor_leaves_no_process_and_stop_removes_the_files(tmp_path: Path) -> None:
    with owner(tmp_path) as (process, directory):
        supervisor = int((directory / "run" / "control-plane.pid").read_text())
        assert controlplane.running(directory)

        os.kill(supervisor, signal.SIGKILL)
        process.kill()
        process.wait()

        eventually(lambda: processes(directory) == [])
        assert not controlplane.running(directory)
        assert not controlplane.stop(directory)
        assert not (directory / "pki").exists()
        assert not (directory / "etcd").exists()


def test_detached_control_plane_stays_until_it_is_stopped(tmp_path: Path) -> None:
    directory = tmp_path / "cluster"
    try:
        started = command("start", directory)
        assert f"export KUBECONFIG={directory}/kubeconfig" in started.stdout
        cluster = Cluster(directory)
        assert run(cluster, "kubectl", "get", "namespace", "kube-system").returncode == 0
        assert "already" in command("start", directory).stderr
    finally:
        stopped = command("stop", directory)

    assert stopped.returncode == 0
    assert processes(directory) == []
    assert {path.suffix for path in files(directory)} == {".log"}
    assert "no control plane" in command("stop", directory).stderr


@contextlib.contextmanager
def owner(*arguments: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process, at the head of a group of its own, that owns a control plane; and that control plane's directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, *arguments],
        env=os.environ | {"PYTHONPATH": str(HACK)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )
    with process:
        try:
            assert process.stdout is not None
            directory = Path(process.stdout.readline().strip())
            assert directory.is_absolute()
            yield process, directory
        finally:
            process.kill()


def command(name: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "controlplane", name, directory],
        env=os.environ | {"PYTHONPATH": str(HACK)},
        capture_output=True,
        text=True,
        check=False,
    )


def run(
    cluster: Cluster, program: str, *arguments: str, kubeconfig: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [cluster.bin / program, *arguments],
        env=os.environ | {"KUBECONFIG": str(kubeconfig or cluster.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )


def exists(cluster: Cluster, path: str) -> bool:
    try:
        cluster.request("GET", path)
    except ApiError as error:
        if error.reason != "NotFound":
            raise
        return False
    return True


def items(cluster: Cluster, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cluster.request("GET", path)["items"]
    return found


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if not path.is_dir()]


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
