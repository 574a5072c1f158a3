"""Where the story is played: commands in the open, with what they print, and a word on each scene before."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sandbox import Sandbox

_WIDTH: Final = 100
_PATIENCE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02


class StoryError(Exception):
    """Something came out otherwise than the story says."""


class Stage:
    """Runs commands of a shell in `directory`, against a sandbox, and shows them."""

    def __init__(self, sandbox: Sandbox, directory: Path) -> None:
        self._sandbox = sandbox
        self._directory = directory
        self._color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def scene(self, title: str, text: str) -> None:
        """Says what happens next."""
        print(f"\n{self._styled(f'── {title} ', '1;36')}{self._styled('─' * (_WIDTH - len(title) - 4), '36')}")
        print(textwrap.fill(" ".join(text.split()), _WIDTH))

    def note(self, text: str) -> None:
        """Says what has just been seen."""
        print(f"\n{textwrap.fill(text, _WIDTH)}", flush=True)

    def file(self, name: str, content: str) -> None:
        """Writes a file and shows it."""
        (self._directory / name).write_text(content)
        self.run(f"cat {name}")

    def run(self, command: str, *, fails: bool = False) -> str:
        """Shows and runs a command, and gives what it prints.

        Raises:
            StoryError: it fails, or succeeds where it should fail.
        """
        print(f"\n{self._styled('$', '32')} {self._styled(command, '1')}", flush=True)
        answer = subprocess.run(
            ["sh", "-c", command],
            cwd=self._directory,
            env=self._sandbox.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(answer.stdout, end="", flush=True)
        if (answer.returncode != 0) is not fails:
            raise StoryError(f"exit code {answer.returncode} of: {command}")
        return answer.stdout

    def expect(self, text: str, *parts: str) -> None:
        """Holds the story to what was printed.

        Raises:
            StoryError: a part is not in the text.
        """
        for part in parts:
            if part not in text:
                raise StoryError(f"expected to read {part!r} above")

    def eventually(self, holds: Callable[[], bool], what: str) -> float:
        """Waits until something holds, and gives how many seconds it took.

        Raises:
            StoryError: it does not within ten seconds.
        """
        begun = time.monotonic()
        while not holds():
            if time.monotonic() > begun + _PATIENCE_SECONDS:
                raise StoryError(f"not within {_PATIENCE_SECONDS:.0f} s: {what}")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - begun

    def _styled(self, text: str, style: str) -> str:
        return f"\033[{style}m{text}\033[0m" if self._color else text
