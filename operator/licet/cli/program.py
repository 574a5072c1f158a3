"""How the program is put together: commands that load when they are called, help with examples, errors for people."""

import contextlib
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from importlib import import_module
from typing import ClassVar, Final

import click
from click.shell_completion import CompletionItem, shell_complete

from licet.core.errors import LicetError

PROGRAM: Final = "licet"
COMPLETION_VARIABLE: Final = "_LICET_COMPLETE"

_CALL: Final = re.compile(rf"(?<![\w-]){PROGRAM}(?= )")  # of the program, wherever it stands in a line of a shell


class ExitCode(IntEnum):
    """What the program's exit code says."""

    YES = 0  # done; or permitted, valid
    NO = 1  # not permitted, not valid
    UNUSABLE = 2  # the question was bad: wrong usage, an unusable file, no cluster
    INTERRUPTED = 130  # as shells report SIGINT
    OUTPUT_CLOSED = 141  # as shells report SIGPIPE


@dataclass(frozen=True, slots=True)
class Example:
    """A purpose, and the command line that serves it; it begins with the name of the program."""

    purpose: str
    command: str


class Command(click.Command):
    """A command whose help begins with its summary and ends with examples."""

    examples: tuple[Example, ...] = ()

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summary, which the table of commands holds, and the details."""
        _write_summary(self.short_help, formatter)
        super().format_help_text(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are to be typed, whatever name the program was called by."""
        if not self.examples:
            return
        called = ctx.find_root().info_name or PROGRAM
        with formatter.section("Examples"):
            for number, example in enumerate(self.examples):
                gap = "\n" if number else ""
                command = _CALL.sub(called, example.command)
                formatter.write(f"{gap}  # {example.purpose}\n  {command}\n")


def examples(*given: Example) -> Callable[[Command], Command]:
    """Give a command examples, which its help shows."""

    def decorate(command: Command) -> Command:
        command.examples = given
        return command

    return decorate


@dataclass(frozen=True, slots=True)
class Entry:
    """A command in the table: the module that defines it under the name `command`, and what it does."""

    module: str
    summary: str


class Group(click.Group):
    """Commands in sections; the module of a command is loaded when it is called, so that the others cost nothing."""

    sections: ClassVar[Mapping[str, Mapping[str, Entry]]] = {}
    """The commands that load when they are called, by the title of a section and by name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take no arguments at all for the question what there is."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, in the order of the table."""
        return [*self._entries(), *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        entry = self._entries().get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module(entry.module).command
        command.short_help = entry.summary
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; a mistyped one is answered with what it resembles."""
        called = args[0]
        if called not in self.list_commands(ctx) and not called.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            close = get_close_matches(called, self.list_commands(ctx))
            ctx.fail(f"there is no command {called!r}" + (f"; did you mean {' or '.join(close)}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summary, where a table of commands holds one, and the details."""
        _write_summary(self.short_help, formatter)
        super().format_help_text(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, without loading them."""
        for title, entries in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.summary) for name, entry in entries.items()])
        if not self.sections:
            super().format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, without loading any."""
        if not self.sections or incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=entry.summary)
            for name, entry in self._entries().items()
            if name.startswith(incomplete)
        ]

    def _entries(self) -> dict[str, Entry]:
        return {name: entry for entries in self.sections.values() for name, entry in entries.items()}


def run(program: click.Command, arguments: Sequence[str], *, called: str = PROGRAM) -> int:
    """Run the program and give its exit code; what goes wrong as can be expected becomes a line on standard error.

    Of what nobody expects, the traceback is shown.

    Args:
        program: the command at the root.
        arguments: of the command line.
        called: the name that usage texts give the program.
    """
    color = False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        return shell_complete(program, {}, called, COMPLETION_VARIABLE, instruction)
    try:
        with program.make_context(called, list(arguments), color=color) as context:
            result = program.invoke(context)
            if sys.stdout is not None:  # as it is where the caller has closed it
                sys.stdout.flush()
            return result if isinstance(result, ExitCode) else ExitCode.YES
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (click.ClickException, click.Abort, KeyboardInterrupt, LicetError, OSError) as error:
        return _fail(error, color=color)
    except Exception:  # noqa: BLE001 - else the interpreter would give 1, which says: not permitted
        click.echo(traceback.format_exc(), err=True, nl=False)
        return ExitCode.UNUSABLE


def complain(message: str, *, color: bool | None = None) -> None:
    """Say on standard error what is wrong, under the program's name."""
    click.echo(f"{click.style(f'{PROGRAM}:', fg='red', bold=True)} {message}", err=True, color=color)


def _fail(error: BaseException, *, color: bool | None) -> ExitCode:
    match error:
        case click.Abort() | KeyboardInterrupt():
            click.echo(err=True)  # after the ^C that the terminal shows
            return ExitCode.INTERRUPTED
        case BrokenPipeError():
            _discard_output()
            return ExitCode.OUTPUT_CLOSED
        case click.ClickException():
            complain(error.format_message().rstrip("."), color=color)
        case OSError():  # such as a disk that is full; files that can't be read are answered where they are read
            _discard_output()
            complain(error.strerror or str(error), color=color)
        case _:
            complain(str(error), color=color)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"{error.ctx.command_path} --help explains the command.", err=True)
    return ExitCode.UNUSABLE


def _write_summary(summary: str | None, formatter: click.HelpFormatter) -> None:
    if summary:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(f"{summary}.")


def _discard_output() -> None:
    """Leave nothing for the interpreter to flush when it ends, which would fail once more, and say so."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
