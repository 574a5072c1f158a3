"""The owner's end of a supervisor: starts it, tells it what to do, and ends it."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import IO, Final

from controlplane import supervisor
from controlplane.errors import ControlPlaneError, StartError, StopError

END_SECONDS: Final = 30

# A Popen that is collected while its process runs complains, rightly but for those that are meant to run on.
_detached: Final[list[subprocess.Popen[str]]] = []


class Supervision:
    """A supervisor process, which ends when `close` is called or this process dies.

    Raises:
        StartError: another supervisor holds the same file.
    """

    def __init__(self, spec: supervisor.Spec) -> None:
        with Path(spec.log_directory, "supervisor.log").open("ab") as log:
            # In isolated mode and by its path: nothing but the standard library is imported.
            self._process = subprocess.Popen(
                [sys.executable, "-I", supervisor.__file__, spec.to_json()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        try:
            self._expect_ok()
        except BaseException:
            self.close()
            raise

    def start(self, name: str) -> None:
        """Starts the process `name` of the spec."""
        self._tell(f"start {name}")

    def kill(self, name: str) -> None:
        """Kills the process `name`, and returns when it is gone."""
        self._tell(f"kill {name}")

    def check(self) -> None:
        """Returns when all that was started still runs.

        Raises:
            StartError: a process has ended by itself.
        """
        self._tell("check")

    def detach(self) -> None:
        """Lets the supervisor outlive this process; from now on only a signal ends it."""
        self._tell("detach")
        self._close_pipes()
        _detached.append(self._process)

    def close(self) -> None:
        """Ends the supervisor, its processes and their files.

        Raises:
            StopError: it did not end in time.
        """
        self._close_pipes()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # takes its processes with it, though not their files
            self._process.wait()
            raise StopError(f"the control plane did not end within {END_SECONDS} s, and was killed") from None

    def _tell(self, command: str) -> None:
        try:
            print(command, file=self._pipe(self._process.stdin), flush=True)
        except BrokenPipeError:
            raise ControlPlaneError("the control plane has ended; see supervisor.log") from None
        self._expect_ok()

    def _expect_ok(self) -> None:
        answer = self._pipe(self._process.stdout).readline().strip()
        if answer != "ok":
            raise StartError(answer.removeprefix("error ") or "the supervisor has ended; see supervisor.log")

    def _close_pipes(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # of a command that a dead supervisor has not read
            self._pipe(self._process.stdin).close()
        self._pipe(self._process.stdout).close()

    @staticmethod
    def _pipe(stream: IO[str] | None) -> IO[str]:
        if stream is None:
            raise AssertionError("Popen was told to make this pipe")
        return stream
