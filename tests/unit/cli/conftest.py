"""The command line in this process: arguments in, exit code and output out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from licet.cli import issue, options
from licet.cli.main import cli
from licet.cli.program import run
from support.vendor_simulator import NOW, VendorSimulator


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        return list(yaml.safe_load_all(self.out))


Licet = Callable[..., Answer]


@pytest.fixture
def licet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Licet:
    """Run a command in a directory of its own, in 2026."""
    monkeypatch.chdir(tmp_path)
    for variable in ("NO_COLOR", "KUBECONFIG", "LICET_OPERATOR_NAMESPACE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(options.time, "time", lambda: float(NOW))
    monkeypatch.setattr(issue.time, "time_ns", lambda: NOW * 10**9)

    def invoke(
        *arguments: object,
        stdin: str | bytes = "",
        color: bool = False,
        env: dict[str, str] | None = None,
        called: str = "licet",
    ) -> Answer:
        with CliRunner().isolation(stdin, env=env, color=color) as (out, err, _):
            code = run(cli, [str(argument) for argument in arguments], called=called)
            return Answer(int(code), out.getvalue().decode(), err.getvalue().decode())

    return invoke


@pytest.fixture
def acme() -> VendorSimulator:
    return VendorSimulator()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write a file of text, bytes, or manifests; gives its name."""

    def put(name: str, *content: str | bytes | dict[str, Any]) -> str:
        path = tmp_path / name
        if isinstance(content[0], bytes):
            path.write_bytes(content[0])
        elif isinstance(content[0], str):
            path.write_text(content[0])
        else:
            path.write_text(yaml.safe_dump_all(content))
        return name

    return put
