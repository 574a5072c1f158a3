"""Reading files: what is wrong with one is told, and how large it may be."""

import os
import threading
from pathlib import Path

import pytest

from licet.cli.files import InputError, read_bytes, read_text, write_private_key
from licet.core import bounds


def test_file_is_read_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(bounds.FILE_BYTES)
    assert len(read_bytes(str(path))) == bounds.FILE_BYTES
    with path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="is larger than 32 MiB"):
        read_bytes(str(path))


def test_endless_file_is_not_read_to_its_end() -> None:
    with pytest.raises(InputError, match="is larger than"):
        read_bytes("/dev/zero")


def test_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"content",))
    writer.start()
    assert read_bytes(str(pipe)) == b"content"
    writer.join()


@pytest.mark.parametrize(
    ("path", "problem"),
    [("missing", "No such file"), (".", "Is a directory"), ("/dev/null", "is empty"), ("nu\0ll", "null")],
)
def test_what_can_not_be_read_is_told(path: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_bytes(path)


def test_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="it is closed"):
        read_bytes("-")


def test_text_is_utf_8_with_or_without_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"\xef\xbb\xbfa\xc3\xbc")
    assert read_text(str(path)) == "aü"
    path.write_bytes("aü".encode("utf-16"))
    with pytest.raises(InputError, match="is not text in UTF-8"):
        read_text(str(path))


def test_key_that_could_not_be_written_whole_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write_private_key(str(tmp_path / "key.pem"), b"key")
    assert not (tmp_path / "key.pem").exists()


def test_mode_of_a_key_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private_key(str(tmp_path / "key.pem"), b"key")
    finally:
        os.umask(before)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
