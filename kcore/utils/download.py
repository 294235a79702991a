"""`get_file`: a file from the net, kept in a cache, checked, and unpacked if asked for."""

import hashlib
import os
import stat
import tarfile
import zipfile
from pathlib import Path

from ..errors import ArgumentError, DataError
from ..saving.atomic import writing
from ..saving.gate import Tally, refused
from .fetching import MAX_BYTES, SCHEMES, fetch, is_plain, plain_name

_ALGORITHMS = {"sha256": "sha256", "md5": "md5"}
_ARCHIVES = {"tar": ("tar",), "zip": ("zip",), "auto": ("tar", "zip")}


def get_file(
    fname, origin, untar=False, md5_hash=None, file_hash=None, cache_subdir="datasets", hash_algorithm="auto",
    extract=False, archive_format="auto", cache_dir=None, schemes=SCHEMES, max_bytes=MAX_BYTES,
):  # fmt: skip
    """The path of the file at the address `origin`, fetched once into `cache_dir`/`cache_subdir`/`fname`.

    fname: a plain name, or an absolute path as in Keras 2; None: the name that `origin` ends with. cache_dir:
    KCORE_HOME or ~/.kcore by default, made for its owner alone. file_hash: the file's sha256 or md5 in hexadecimal; a
    kept file with another one is fetched again. untar: `fname` names the folder that `fname`.tar.gz unpacks to, whose
    path is given back. extract: the archive is unpacked beside itself; links, devices and names that lead elsewhere are
    refused. schemes: those of addresses, also of those that a server leads on to; plain http has to be asked for.
    max_bytes: the largest file that is fetched. `schemes` and `max_bytes` are not in Keras 2.3.1.

    Raises DataError if what was fetched has another hash, comes from another scheme, is too large or too slow;
    ArgumentError for `fname`; OSError if it cannot be fetched, FileRefused for an archive.
    """
    path = _place(plain_name(origin) if fname is None else fname, cache_subdir, cache_dir)
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder, unpacked = path.parent, path
    path = path.with_name(path.name + ".tar.gz") if untar else path
    if not _is_good(path, file_hash, hash_algorithm):
        _fetch(origin, path, file_hash, hash_algorithm, schemes, max_bytes)
    if untar:
        if not unpacked.exists():
            _unpack(path, folder, "tar")
        return str(unpacked)
    if extract:
        _unpack(path, folder, archive_format)
    return str(path)


def validate_file(fpath, file_hash, algorithm="auto", chunk_size=65535):
    """Whether the file has this hash: 'sha256', 'md5', or 'auto', which goes by the length of `file_hash`."""
    if algorithm == "auto":
        algorithm = "sha256" if len(file_hash) == 64 else "md5"
    if algorithm not in _ALGORITHMS:
        raise ArgumentError(f"algorithm is 'auto', 'sha256' or 'md5'; {algorithm!r} was given.")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest() == str(file_hash).lower()


def _place(fname, cache_subdir, cache_dir):
    """Where the file called `fname` is kept; its folder is there afterwards."""
    if os.path.isabs(fname):
        path = Path(fname)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
    if not is_plain(fname):
        raise ArgumentError(
            f"get_file: fname={fname!r} (rule 19); one plain name is needed, or an absolute path. Folders go into "
            "cache_subdir."
        )
    cache = _cache_folder(cache_dir)
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = cache / cache_subdir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / fname


def _cache_folder(given):
    if given is not None:
        return Path(given).expanduser()
    return Path(os.environ.get("KCORE_HOME") or Path.home() / ".kcore")


def _is_good(path, file_hash, algorithm):
    return path.is_file() and (file_hash is None or validate_file(path, file_hash, algorithm))


def _fetch(origin, path, file_hash, algorithm, schemes, max_bytes):
    """Fetches into a temporary file, checks that, and only then puts it in place."""
    with writing(path) as file:
        fetch(origin, file, schemes, max_bytes)
        if file_hash is not None and not validate_file(file.part, file_hash, algorithm):
            raise DataError(
                f"{origin} was fetched, but it does not have the hash {file_hash}: another file, or damaged on the "
                "way. Nothing was kept."
            )


def _unpack(path, folder, archive_format):
    """Unpacks an archive of the formats that `archive_format` names; what is none is left as it is."""
    if archive_format is None:
        return False
    kinds = [archive_format] if isinstance(archive_format, str) else archive_format
    for kind in [k for name in kinds for k in _ARCHIVES.get(name, (name,))]:
        if kind == "tar" and tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                members = [(m.name, m.size, m.isdir(), m.isdir() or m.isreg(), m) for m in archive]
                _write_members(path, folder, members, archive.extractfile)
            return True
        if kind == "zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = [(m.filename, m.file_size, m.is_dir(), _is_plain(m), m) for m in archive.infolist()]
                _write_members(path, folder, members, archive.open)
            return True
        if kind not in ("tar", "zip"):
            raise ArgumentError(f"archive_format is 'auto', 'tar', 'zip' or None; {kind!r} was given.")
    return False


def _is_plain(info):
    """Whether a member of a zip is a file or a folder: its mode, if it has one, may say that it is a link."""
    return stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)


def _write_members(path, folder, members, opened):
    """Writes the files of an archive below `folder`: [(name, size, whether a folder, whether plain, member), ...].

    All of them are looked at first. Links and devices, names that lead elsewhere, and more than the budgets for files
    (`kcore.saving.file_budgets`) are refused, and then nothing is written. Modes and owners are not taken over.
    """
    tally = Tally(str(path), os.path.getsize(path))
    for name, size, _, plain, _ in members:
        tally.count(name, size)
        if not plain:
            raise refused(str(path), repr(name[:80]), 12, "is a link or a device")
        parts = name.rstrip("/").split("/")
        if ".." in parts or "" in parts or "\\" in name or "\0" in name or ":" in parts[0]:
            raise refused(str(path), repr(name[:80]), 12, "is no name below the folder")
    root = folder.resolve()
    for name, size, is_folder, _, member in members:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(root) or target.is_symlink():
            raise refused(str(path), repr(name[:80]), 12, "goes through a link that is there")
        if is_folder:
            target.mkdir(exist_ok=True)
            continue
        with opened(member) as source, open(target, "wb") as file:
            left = size
            while left and (piece := source.read(min(left, 2**20))):
                file.write(piece)
                left -= len(piece)
