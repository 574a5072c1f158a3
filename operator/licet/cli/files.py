"""Reading what the command line is given: files, standard input, tokens and private keys, each under a cap."""

import os
import stat
import sys
from pathlib import Path
from typing import Final

import click

from licet.cli.program import complain
from licet.core import bounds
from licet.core.errors import LicetError

STDIN: Final = "-"
FILE: Final = click.Path(readable=False)
"""The type of arguments that name a file, so that shells complete them; reading tells what is wrong with it."""

_TOKEN_START: Final = "eyJ"  # noqa: S105 - how `{"` looks in base64url, with which the header of every token begins
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class InputError(LicetError):
    """What the command line was given can't be used: a file that can't be read, or that holds something else."""


def read_bytes(path: str, *, may_be_empty: bool = False) -> bytes:
    """Read a file, or standard input for `-`.

    Raises:
        InputError: there is none, it is a directory, it can't be read, it is empty, or larger than the cap.
    """
    try:
        if path == STDIN:
            if sys.stdin is None:  # as it is where the caller has closed it
                raise InputError("standard input can't be read: it is closed")
            raw = sys.stdin.buffer.read(bounds.FILE_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                raw = file.read(bounds.FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise InputError(f"{name_of(path)} can't be read: {getattr(error, 'strerror', None) or error}") from error
    if not raw and not may_be_empty:
        raise InputError(f"{name_of(path)} is empty")
    if len(raw) > bounds.FILE_BYTES:
        raise InputError(f"{name_of(path)} is larger than {bounds.FILE_BYTES // 2**20} MiB, the most that is read")
    return raw


def read_text(path: str) -> str:
    """Read a text file, or standard input for `-`; a byte order mark is dropped.

    Raises:
        InputError: as `read_bytes`, or it is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name_of(path)} is not text in UTF-8") from error


def read_source(source: str) -> str:
    """Read what is given as `TOKEN|FILE|-`: a file where there is one of this name, else a token.

    Raises:
        InputError: as `read_text`, or it is neither a file nor a token.
    """
    if source == STDIN or os.path.exists(source):  # noqa: PTH110 - Path.exists() fails for a token, which is too long
        return read_text(source)
    if source.startswith(_TOKEN_START):
        return source
    raise InputError(f"{source[:80]!r} is neither a file nor a token; a token begins with {_TOKEN_START}")


def read_private_key(path: str) -> bytes:
    """Read a private key, and warn of one that others on this machine may read.

    Raises:
        InputError: as `read_bytes`.
    """
    pem = read_bytes(path)
    mode = Path(path).stat().st_mode if path != STDIN else 0
    if stat.S_ISREG(mode) and mode & _OTHERS:
        complain(f"warning: {path} has mode {stat.S_IMODE(mode):04o}: others can use the key in it. chmod 600 {path}")
    return pem


def write_private_key(path: str, pem: bytes) -> None:
    """Write a private key that only this user may read, to a file that does not exist yet.

    Raises:
        InputError: the file exists, or can't be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InputError(f"{path} exists, and is not overwritten; choose another file for the new key") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be written: {getattr(error, 'strerror', None) or error}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        Path(path).unlink(missing_ok=True)
        raise InputError(f"{path} can't be written: {error.strerror}") from error


def name_of(path: str) -> str:
    """Name a file for messages."""
    return "standard input" if path == STDIN else path
