"""The command lines of etcd, kube-apiserver and kube-controller-manager."""

from pathlib import Path
from typing import Final

from controlplane.layout import Layout
from controlplane.ports import HOST

ETCD: Final = "etcd"
API_SERVER: Final = "kube-apiserver"
CONTROLLER_MANAGER: Final = "kube-controller-manager"

SERVICE_RANGE: Final = "10.0.0.0/24"
SERVICE_ADDRESS: Final = "10.0.0.1"  # of the Service `kubernetes`: the first of the range
SERVICE_NAMES: Final = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
ISSUER: Final = "https://kubernetes.default.svc.cluster.local"  # of service account tokens

AUDIT_POLICY: Final = Path(__file__).with_name("audit-policy.yaml")

# Relative to the data directory, in which both ends run: the path of a socket is short of room (108 bytes on Linux).
ETCD_SOCKET: Final = "unix://etcd.sock"

# All that act on objects alone. Those for nodes, volumes and certificates have nothing to do here.
CONTROLLERS: Final = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)


def commands(binaries: Path, layout: Layout, port: int, audit_log: Path) -> dict[str, list[str]]:
    """Gives the command lines by program, in the order in which they start; all run in `layout.data`."""
    return {
        ETCD: _etcd(binaries, layout),
        API_SERVER: _api_server(binaries, layout, port, audit_log),
        CONTROLLER_MANAGER: _controller_manager(binaries, layout),
    }


def _etcd(binaries: Path, layout: Layout) -> list[str]:
    return [
        str(binaries / ETCD),
        f"--data-dir={layout.data}",
        f"--listen-client-urls={ETCD_SOCKET}",
        f"--advertise-client-urls={ETCD_SOCKET}",
        # A cluster of one has no peers, but etcd wants to hear of them; nobody connects to this address.
        "--listen-peer-urls=unix://peer.sock",
        "--initial-advertise-peer-urls=http://localhost:2380",
        "--initial-cluster=default=http://localhost:2380",
        "--unsafe-no-fsync",  # the data are not meant to survive a power cut
        "--log-level=warn",
    ]


def _api_server(binaries: Path, layout: Layout, port: int, audit_log: Path) -> list[str]:
    pki = layout.certificates
    return [
        str(binaries / API_SERVER),
        f"--etcd-servers={ETCD_SOCKET}",
        f"--bind-address={HOST}",
        f"--secure-port={port}",
        "--permit-port-sharing",  # with the socket that reserves the port
        f"--advertise-address={HOST}",
        "--endpoint-reconciler-type=none",  # a loopback address is not a valid endpoint
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--cert-dir={pki}",
        f"--tls-cert-file={pki / 'server.crt'}",
        f"--tls-private-key-file={pki / 'server.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        "--authorization-mode=Node,RBAC",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={pki / 'service-account.key'}",
        f"--service-account-signing-key-file={pki / 'service-account.key'}",
        f"--audit-policy-file={AUDIT_POLICY}",
        f"--audit-log-path={audit_log}",
        "--audit-log-maxsize=100",  # MiB, then a second file is begun, and the one before that goes
        "--audit-log-maxbackup=1",
        "--allow-privileged",
        "--profiling=false",
    ]


def _controller_manager(binaries: Path, layout: Layout) -> list[str]:
    pki = layout.certificates
    return [
        str(binaries / CONTROLLER_MANAGER),
        f"--kubeconfig={pki / 'controller-manager.kubeconfig'}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--use-service-account-credentials",  # each controller under the RBAC that Kubernetes gives it
        f"--service-account-private-key-file={pki / 'service-account.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--profiling=false",
    ]
