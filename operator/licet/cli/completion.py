"""`licet completion`: scripts that complete commands in a shell."""

from typing import Final

import click
from click.shell_completion import get_completion_class

from licet.cli.program import COMPLETION_VARIABLE, PROGRAM, Command, Example, examples

_SHELLS: Final = ("bash", "zsh", "fish")


@examples(
    Example("For bash, in ~/.bashrc", 'eval "$(licet completion bash)"'),
    Example("For zsh, in ~/.zshrc after compinit", 'eval "$(licet completion zsh)"'),
    Example("For fish", "licet completion fish > ~/.config/fish/completions/licet.fish"),
)
@click.command(cls=Command)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(context: click.Context, *, shell: str) -> None:
    """The script asks the program itself for commands and options, so it need not be made again with a new version."""
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"this installation can't complete in {shell}")
    click.echo(completion(context.find_root().command, {}, PROGRAM, COMPLETION_VARIABLE).source())
