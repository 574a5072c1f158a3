"""The command line without a cluster, in a directory of the test's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from licet.cli import issue, options
from support import command_line
from support.vendor_simulator import NOW, VendorSimulator


@pytest.fixture
def licet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., command_line.Answer]:
    """Runs commands, at the vendor simulator's time."""
    monkeypatch.chdir(tmp_path)
    for variable in ("NO_COLOR", "TERM", "KUBECONFIG", "LICET_OPERATOR_NAMESPACE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(options.time, "time", lambda: float(NOW))
    monkeypatch.setattr(issue.time, "time_ns", lambda: NOW * 10**9)
    return command_line.licet


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a file of text, bytes or manifests, and gives its name."""

    def put(name: str, *content: str | bytes | dict[str, Any]) -> str:
        path = tmp_path / name
        first = content[0]
        if isinstance(first, bytes):
            path.write_bytes(first)
        else:
            path.write_text(first if isinstance(first, str) else yaml.safe_dump_all(content))
        return name

    return put
