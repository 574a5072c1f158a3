"""Processes that outlive who started them, and that anybody finds again by a file with their ID.

A process holds a lock on its file for as long as it lives, because it inherits the open file: so whoever finds the lock
taken knows that the ID in the file is that of the process, and not of another that came later.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

END_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02

# By their files, those that this program started. A Popen that is collected while its process runs complains, rightly
# but for those that are meant to run on.
_children: Final[dict[Path, subprocess.Popen[bytes]]] = {}


@dataclass(frozen=True, slots=True)
class Process:
    """The process of a file, which runs or not."""

    pid_file: Path

    @property
    def pid(self) -> int | None:
        """Its ID; None where it does not run."""
        try:
            with self.pid_file.open() as file:
                return None if _is_free(file) else int(file.read())
        except FileNotFoundError:
            return None

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self.pid is not None

    def start(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> None:
        """Starts it in a session of its own, where no Ctrl-C reaches it; what it writes is appended to `log`.

        Raises:
            BlockingIOError: it runs already.
        """
        with self.pid_file.open("a+") as file, log.open("ab") as output:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.wait()
            process = _children[self.pid_file] = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=[file.fileno()],
            )
            file.truncate(0)
            file.write(f"{process.pid}\n")

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal; does nothing where it does not run."""
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by a signal, and by SIGKILL where that takes longer than half a minute; removes its file."""
        self.send(number)
        deadline = time.monotonic() + END_SECONDS
        while self.running:
            if time.monotonic() > deadline:
                self.send(signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        self.wait()
        self.pid_file.unlink(missing_ok=True)

    def wait(self) -> int | None:
        """Waits for its end; gives its exit code, or None where another program started it."""
        child = _children.pop(self.pid_file, None)
        return None if child is None else child.wait()


def _is_free(file: IO[str]) -> bool:
    """Takes the lock for a moment, which nobody holds whose process is gone."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
