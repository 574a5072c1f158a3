"""The command line in the test's own process: arguments in, exit code and output out."""

import json
from dataclasses import dataclass
from typing import Any

import yaml
from click.testing import CliRunner

from licet.cli.main import cli
from licet.cli.program import run


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The output, as one JSON document."""
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        """The output, as documents of YAML."""
        return list(yaml.safe_load_all(self.out))


def licet(
    *arguments: object,
    stdin: str | bytes = "",
    color: bool = False,
    env: dict[str, str | None] | None = None,
    called: str = "licet",
) -> Answer:
    """Run a command; `color` is whether the output is a terminal's, `called` the name in usage texts."""
    with CliRunner().isolation(stdin, env=env, color=color) as (out, err, _):
        code = run(cli, [str(argument) for argument in arguments], called=called)
        return Answer(int(code), out.getvalue().decode(), err.getvalue().decode())
