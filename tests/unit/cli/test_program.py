"""The frame of the program: help, errors, exit codes, completion, and what a call costs."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from licet.cli.main import cli
from licet.cli.program import Command, ExitCode, Group, run
from licet.core.errors import LicetError

OFFLINE = ("keygen", "issue", "inspect", "verify", "check", "completion", "version")
TALKS_TO_CLUSTERS = {"kopf", "kubernetes", "aiohttp"}


def commands(group: Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group, info_name="licet")
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, Group):
            found += commands(command, (*path, name))
        else:
            found.append(((*path, name), command))
    return found


ALL = commands(cli)


def test_commands_of_the_contract_are_there() -> None:
    assert {" ".join(path) for path, _ in ALL} == {
        "controller", "gate", "keygen", "issue", "inspect", "verify", "status", "check", "audit", "explain release",
        "break-glass open", "break-glass list", "break-glass close", "clock reset", "completion", "version",
    }  # fmt: skip


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_help_of_each_command_teaches(path: tuple[str, ...], command: click.Command, licet: Callable) -> None:
    assert isinstance(command, Command)
    answer = licet(*path, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: licet {' '.join(path)}")
    assert command.short_help
    assert command.help
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))
    assert command.examples
    for example in command.examples:
        assert f"  # {example.purpose}\n  {example.command}\n" in answer.out


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_examples_in_help_are_lines_that_the_command_takes(
    path: tuple[str, ...], command: click.Command, tmp_path: Path
) -> None:
    assert isinstance(command, Command)
    (tmp_path / ".config/fish/completions").mkdir(parents=True)
    stand_ins = 'licet() { printf "%s\\0" "$@" >&3; }; kubectl() { :; }; jq() { cat; }'
    for example in command.examples:
        called = subprocess.run(
            ["bash", "-ec", f"{stand_ins}; exec 3>called; {example.command}"],
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)},
            check=False,
        )
        assert called.returncode == 0
        arguments = (tmp_path / "called").read_text().split("\0")[:-1]
        assert tuple(arguments[: len(path)]) == path
        command.make_context("licet", arguments[len(path) :])


def test_version_is_told_by_option_as_by_command(licet: Callable) -> None:
    answer = licet("--version")
    assert answer.code == 0
    assert licet("version").out.startswith(answer.out.strip())


def test_called_without_arguments_it_shows_what_there_is(licet: Callable) -> None:
    answer = licet()
    assert answer.code == 0
    assert "keygen" in answer.out
    assert licet("explain").code == 0
    assert "release" in licet("explain").out


def test_as_kubectl_plugin_usage_and_examples_name_kubectl(licet: Callable) -> None:
    answer = licet("verify", "-h", called="kubectl licet")
    assert answer.out.startswith("Usage: kubectl licet verify")
    assert "\n  kubectl licet verify acme.jwt --jwks vendor.yaml\n" in answer.out
    assert "\n  kubectl -n licet-system get secret acme-license -o yaml | kubectl licet verify - " in answer.out


def test_mistyped_command_is_answered_with_what_it_resembles(licet: Callable) -> None:
    answer = licet("verfy")
    assert answer.code == ExitCode.UNUSABLE
    assert answer.err.startswith("licet: there is no command 'verfy'; did you mean verify?\n")


@pytest.mark.parametrize("arguments", [["verify"], ["verify", "x"], ["--nonsense"], ["inspect", "x", "-o", "xml"]])
def test_wrong_usage_is_exit_code_2_and_points_to_help(arguments: list[str], licet: Callable) -> None:
    answer = licet(*arguments)
    assert answer.code == ExitCode.UNUSABLE
    assert answer.out == ""
    assert answer.err.startswith("licet: ")
    assert "--help explains the command." in answer.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (LicetError("the file is no chart"), 2, "licet: the file is no chart\n"),
        (OSError(28, "No space left on device"), 2, "licet: No space left on device\n"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (KeyboardInterrupt(), 130, "\n"),
        (click.Abort(), 130, "\n"),
    ],
)
def test_expected_failures_are_told_without_traceback(error: BaseException, code: int, said: str) -> None:
    @click.command()
    def failing() -> None:
        raise error

    with CliRunner().isolation() as (_, err, _):
        assert run(failing, []) == code
        assert err.getvalue().decode() == said


def test_failures_that_nobody_expects_are_shown_and_no_answer() -> None:
    @click.command()
    def broken() -> None:
        raise ZeroDivisionError

    with CliRunner().isolation() as (_, err, _):
        assert run(broken, []) == ExitCode.UNUSABLE
        assert err.getvalue().decode().endswith("ZeroDivisionError\n")


def test_colour_is_for_terminals_and_for_those_who_want_it(licet: Callable) -> None:
    assert "\x1b[" in licet("nonsense", color=True).err
    assert "\x1b[" not in licet("nonsense").err
    assert "\x1b[" not in licet("nonsense", color=True, env={"NO_COLOR": "1"}).err
    assert "\x1b[" not in licet("nonsense", color=True, env={"TERM": "dumb"}).err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_for_the_program(shell: str, licet: Callable) -> None:
    answer = licet("completion", shell)
    assert answer.code == 0
    assert "_LICET_COMPLETE" in answer.out


def complete(line: str, licet: Callable) -> list[str]:
    words = line.split(" ")
    env = {"_LICET_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return [entry.partition(",")[2] for entry in licet(env=env).out.splitlines()]


def test_completion_completes_commands_options_and_values(licet: Callable) -> None:
    assert complete("licet ver", licet) == ["verify", "version"]
    assert complete("licet keygen --algorithm ", licet) == ["Ed25519", "ES256"]
    assert "--jwks" in complete("licet verify --j", licet)
    assert complete("licet explain ", licet) == ["release"]


def test_bash_accepts_the_completion_script(licet: Callable) -> None:
    script = licet("completion", "bash").out
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def loaded_by(*statements: str) -> set[str]:
    program = "; ".join(("import sys", *statements, "print(*{name.partition('.')[0] for name in sys.modules})"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_help_loads_nothing_but_click() -> None:
    loaded = loaded_by("from licet.cli.main import cli", "cli.get_help(__import__('click').Context(cli))")
    assert not loaded & {*TALKS_TO_CLUSTERS, "pydantic", "cryptography", "jwt", "yaml"}


def test_offline_commands_load_nothing_that_talks_to_clusters() -> None:
    loaded = loaded_by(*(f"import licet.cli.{name}" for name in OFFLINE))
    assert not loaded & TALKS_TO_CLUSTERS


def test_components_are_loaded_when_they_run_only() -> None:
    loaded = loaded_by("import licet.cli.controller", "import licet.cli.gate")
    assert not loaded & TALKS_TO_CLUSTERS


def test_every_command_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
    assert not [path for path, _ in ALL if f"`licet {' '.join(path)}`" not in page]
