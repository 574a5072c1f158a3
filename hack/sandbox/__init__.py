"""licet on a control plane of its own, its components as local processes; see docs/sandbox.md."""

from sandbox.errors import SandboxError
from sandbox.processes import Process
from sandbox.sandbox import NAMESPACE, Sandbox, start, stop, temporary

__all__ = ["NAMESPACE", "Process", "Sandbox", "SandboxError", "start", "stop", "temporary"]
