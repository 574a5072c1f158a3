"""Keeps the processes of one control plane for as long as its owner lives, then ends them and removes their files.

It runs as a process and in a session of its own, so that neither Ctrl-C in the terminal nor the death of the owner, by
whatever signal, takes it away before it has tidied up. It needs the standard library alone, and is run by its path, to
be there quickly. The owner holds the other end of its standard input:

- end of file: the owner is gone or done, everything ends;
- `start NAME`, `kill NAME`: start or kill one process; the answer on standard output is `ok`, or `error` and a reason;
- `check`: the answer is `ok`, or `error` and the first process that has ended by itself;
- `detach`: from now on the end of file means nothing, only SIGTERM, SIGINT or SIGHUP ends everything.

While it lives it holds a lock on the file with its process ID: whoever finds that lock free knows that it is gone.
"""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NoReturn, Self

ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG: Final = 1  # prctl(2)


@dataclass(frozen=True, slots=True)
class Spec:
    """What to keep: command lines by name, where they run and write, and which paths go when they end."""

    commands: dict[str, list[str]]
    working_directory: str
    log_directory: str
    pid_file: str
    remove: list[str]

    def to_json(self) -> str:
        """Gives the form in which a supervisor takes it as its argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote."""
        return cls(**json.loads(text))


class Supervisor:
    """The processes of one spec."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def serve(self) -> None:
        """Obeys the commands on standard input until it ends."""
        for line in sys.stdin:
            match line.split():
                case ["start", name]:
                    answer = self._start(name)
                case ["kill", name]:
                    answer = self._kill(name)
                case ["check"]:
                    answer = self._check()
                case ["detach"]:
                    print("ok", flush=True)
                    _wait_for_signal()
                case _:
                    answer = f"error unknown command {line!r}"
            print(answer, flush=True)

    def close(self) -> None:
        """Kills every process, and removes what the spec says; nothing of a control plane is worth a slow farewell."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        remove(map(Path, self._spec.remove))

    def _start(self, name: str) -> str:
        if name in self._processes:
            return f"error {name} has been started already"
        with Path(self._spec.log_directory, f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._spec.commands[name],
                cwd=self._spec.working_directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Safe in this program, which has one thread.
                preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
            )
        return "ok"

    def _kill(self, name: str) -> str:
        if name not in self._processes:
            return f"error {name} has not been started"
        process = self._processes.pop(name)
        process.kill()
        process.wait()
        return "ok"

    def _check(self) -> str:
        for name, process in self._processes.items():
            if process.poll() is not None:
                return f"error {name} has ended with exit code {process.returncode}"
        return "ok"


def remove(paths: Iterable[Path]) -> None:
    """Removes files, and directories with all that is in them; what is not there is no error."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def holding(pid_file: Path) -> Iterator[None]:
    """Writes this process's ID to a file, and holds the lock on it that proves the process alive.

    Raises:
        BlockingIOError: another process holds it.
    """
    with pid_file.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _die_with_parent() -> Callable[[], None]:
    """Should this program itself be killed with SIGKILL, the kernel ends what it has started (Linux only)."""
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_for_signal() -> NoReturn:
    while True:
        signal.pause()


def _leave(*_: object) -> NoReturn:
    _ignore_ending_signals()
    raise SystemExit(0)


def _ignore_ending_signals() -> None:
    """Once is enough: what follows is the tidying up."""
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """Runs the supervisor of the spec in the first argument."""
    spec = Spec.from_json(sys.argv[1])
    try:
        with holding(Path(spec.pid_file)):
            supervisor = Supervisor(spec)
            for number in ENDING_SIGNALS:
                signal.signal(number, _leave)
            try:
                print("ok", flush=True)
                supervisor.serve()
            finally:
                _ignore_ending_signals()
                supervisor.close()
    except BlockingIOError:
        print("error a control plane is running there already", flush=True)


if __name__ == "__main__":
    main()
