"""`licet version`: which version this is."""

import platform

import click

from licet import __version__
from licet.cli.output import Format, emit, output_option
from licet.cli.program import PROGRAM, Command, Example, examples


@examples(Example("Print the bare version", "licet version -o json | jq -r .version"))
@click.command(cls=Command)
@output_option
def command(*, output: Format | None) -> None:
    """The version of the program, and so of its controller and gate, and that of the Python which runs it."""
    python = platform.python_version()
    if output is None:
        click.echo(f"{PROGRAM} {__version__} (Python {python})")
    else:
        emit([{"version": __version__, "python": python}], output)
