"""The files of a control plane."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a control plane keeps its files; everything lies in `directory`, which is absolute."""

    directory: Path

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the cluster's administrator."""
        return self.directory / "kubeconfig"

    @property
    def bin(self) -> Path:
        """Links to kubectl, helm (4) and helm3."""
        return self.directory / "bin"

    @property
    def certificates(self) -> Path:
        """Certificates and keys, and the kubeconfig of the controller manager."""
        return self.directory / "pki"

    @property
    def data(self) -> Path:
        """The data of etcd, and its socket."""
        return self.directory / "etcd"

    @property
    def log(self) -> Path:
        """Where logs go unless the caller wants them elsewhere."""
        return self.directory / "log"

    @property
    def run(self) -> Path:
        """Process IDs; others may keep theirs here too."""
        return self.directory / "run"

    @property
    def pid_file(self) -> Path:
        """The process ID of the supervisor, locked while it lives."""
        return self.run / "control-plane.pid"

    @property
    def own(self) -> list[Path]:
        """All that a control plane writes, save logs; the file with the process ID last."""
        return [self.kubeconfig, self.bin, self.certificates, self.data, self.pid_file]
