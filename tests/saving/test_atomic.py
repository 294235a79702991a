"""A file is there as a whole or not at all: faults and SIGKILL at every operation."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kcore.errors import ArgumentError
from kcore.saving import atomic
from kcore.saving.atomic import write_bytes, writing
from saving_faults import files_that_fail, operations_of

OLD, NEW = b"old" * 1000, b"new" * 2000
POSIX = pytest.mark.skipif(os.name != "posix", reason="links, modes and locks are POSIX's")


def write_new(path):
    with writing(path) as file:
        file.write(NEW[:3000])
        file.write(NEW[3000:])


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.bin"
    write_new(path)
    assert path.read_bytes() == NEW
    write_bytes(path, np.arange(5, dtype="<i4"))
    assert path.read_bytes() == np.arange(5, dtype="<i4").tobytes()
    assert os.listdir(tmp_path) == ["a.bin"]


def test_it_can_be_read_and_gone_back_in(tmp_path):
    with writing(tmp_path / "a") as file:
        file.write(b"0123456789")
        file.seek(2)
        assert file.read(3) == b"234"
        file.seek(0)
        file.write(b"AB")
        file.truncate(4)
    assert (tmp_path / "a").read_bytes() == b"AB23"


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_fault_at_any_operation_leaves_the_old_file(tmp_path, there, number):
    path = tmp_path / "a"
    if there:
        path.write_bytes(OLD)
    steps = operations_of(lambda: write_new(path))
    assert {"create", "write", "sync", "replace", "sync_folder"} <= set(steps)
    path.write_bytes(OLD) if there else path.unlink()
    for at, name in enumerate(steps):
        if name == "sync_folder":
            continue  # by then the new file is in its place
        with files_that_fail(at, OSError(number, "fault"), half=True), pytest.raises(OSError, match="fault"):
            write_new(path)
        assert os.listdir(tmp_path) == (["a"] if there else []), name
        if there:
            assert path.read_bytes() == OLD


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_block_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(OLD)
    with pytest.raises(error), writing(path) as file:
        file.write(NEW)
        raise error
    assert path.read_bytes() == OLD and os.listdir(tmp_path) == ["a"]


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
from saving_faults import files_that_fail, operations_of
from kcore.saving.atomic import writing
path, old, new = sys.argv[1], b"old" * 1000, b"new" * 2000

def write():
    with writing(path) as file:
        file.write(new[:3000])
        file.write(new[3000:])

write()
open(path, "wb").write(old)
steps = operations_of(write)
for at, name in enumerate(steps):
    open(path, "wb").write(old)
    child = os.fork()
    if child == 0:
        with files_that_fail(at, "kill", half=True):
            write()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 9, name
    assert open(path, "rb").read() == (new if name == "sync_folder" else old), name
    write()  # also takes away what the killed one left
    assert os.listdir(os.path.dirname(path)) == ["a"], (name, os.listdir(os.path.dirname(path)))
print(len(steps))
"""


@POSIX
def test_a_kill_at_any_operation_leaves_the_old_file(tmp_path):
    tests = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "a"), str(tests)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 6


@POSIX
def test_what_another_still_writes_is_left_alone(tmp_path):
    path = tmp_path / "a"
    with writing(path) as first:
        first.write(OLD)
        write_bytes(path, NEW)
        assert os.path.exists(first.part)
        assert path.read_bytes() == NEW
    assert path.read_bytes() == OLD and os.listdir(tmp_path) == ["a"]


@POSIX
def test_links_and_permissions_are_kept(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a", tmp_path / "link"
    target.write_bytes(OLD)
    target.chmod(0o640)
    link.symlink_to(target)
    write_bytes(link, NEW)
    assert link.is_symlink() and target.read_bytes() == NEW
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    mask = os.umask(0o027)
    try:
        write_bytes(tmp_path / "fresh", NEW)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640


@POSIX
def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(OLD)
    (tmp_path / ".a.part").symlink_to(victim)
    monkeypatch.setattr(atomic, "_part", lambda base: f".{base}.part")
    with pytest.raises(FileExistsError):
        write_bytes(tmp_path / "a", NEW)
    assert victim.read_bytes() == OLD


@POSIX
def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArgumentError, match="no regular file"):
        write_bytes(tmp_path / "pipe", NEW)
    with pytest.raises(IsADirectoryError):
        write_bytes(tmp_path, NEW)
    with pytest.raises(FileNotFoundError):
        write_bytes(tmp_path / "nowhere" / "a", NEW)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "a").write_bytes(OLD)
    refusal = PermissionError(errno.EACCES, "read-only")
    with files_that_fail(0, refusal), pytest.raises(PermissionError):
        write_bytes(tmp_path / "a", NEW)
    assert (tmp_path / "a").read_bytes() == OLD


def test_a_long_name(tmp_path):
    path = tmp_path / ("n" * 250)
    write_bytes(path, NEW)
    assert path.read_bytes() == NEW
