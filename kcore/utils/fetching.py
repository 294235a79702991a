"""Fetching an address into a file: which schemes, how many bytes, how long; nothing else is trusted about a server."""

import time
import urllib.error
import urllib.parse
import urllib.request

from ..errors import DataError

SCHEMES = ("https", "file")  # a file is one that the caller names: no server can lead there
MAX_BYTES = 1 << 35  # 32 GiB
SILENCE_S = 30.0  # the longest that a server may say nothing
SLOWEST = 1024  # bytes a second, on the average since the start, once SILENCE_S have passed
_PIECE = 1 << 16


class _SameSchemes(urllib.request.HTTPRedirectHandler):
    """Follows a server elsewhere only over the schemes that the caller allowed, and never to a file."""

    def __init__(self, schemes):
        self.schemes = [s for s in schemes if s != "file"]

    def http_error_302(self, req, fp, code, msg, headers):
        onward = urllib.parse.urljoin(req.full_url, headers.get("location") or headers.get("uri") or "")
        scheme = urllib.parse.urlsplit(onward).scheme.lower()
        if scheme not in self.schemes:
            raise DataError(
                f"{req.full_url} leads on to an address of scheme {scheme!r} (rule 21); allowed are "
                f"{', '.join(self.schemes) or 'none'}. Give the address of the file itself."
            )
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def plain_name(origin):
    """The name of the file at `origin`: the last part of its path, if that is one plain component.

    Raises DataError for anything else: none, '.', '..', and names with separators, also those written as %2f.
    """
    name = urllib.parse.unquote(urllib.parse.urlsplit(origin).path.rsplit("/", 1)[-1])
    if not is_plain(name):
        raise DataError(f"the address {origin} does not end with the name of a file (rule 19); give fname.")
    return name


def is_plain(name):
    """Whether `name` is one component of a path on every system."""
    return name not in ("", ".", "..") and not any(c in name for c in "/\\:\0")


def fetch(origin, file, schemes=SCHEMES, max_bytes=MAX_BYTES):
    """Writes what is at the address `origin` to the open `file`.

    schemes: those of the address, and of the addresses that it may lead on to. max_bytes: the largest size. Raises
    DataError for another scheme, more bytes, or a server that stops or all but stops; OSError if nothing can be fetched.
    """
    scheme = urllib.parse.urlsplit(origin).scheme.lower()
    if scheme not in schemes:
        raise DataError(
            f"{origin} has the scheme {scheme!r} (rule 21); allowed are {', '.join(schemes)}. What comes over http can "
            "be changed on its way: use https, or get_file(..., file_hash=..., schemes=('http',))."
        )
    opener = urllib.request.build_opener(_SameSchemes(schemes))
    try:
        with opener.open(origin, timeout=SILENCE_S) as answer:
            _copy(origin, answer, file, max_bytes)
    except TimeoutError as error:
        raise DataError(f"{origin} said nothing for {SILENCE_S:g} s. Nothing was kept.") from error


def _copy(origin, answer, file, max_bytes):
    started, got = time.monotonic(), 0
    while piece := answer.read1(_PIECE) if hasattr(answer, "read1") else answer.read(_PIECE):
        got += len(piece)
        if got > max_bytes:
            raise DataError(
                f"{origin} is larger than {max_bytes:,} bytes (rule 21); nothing was kept. get_file(..., max_bytes=...) "
                "takes more."
            )
        file.write(piece)
        passed = time.monotonic() - started
        if passed > SILENCE_S and got < SLOWEST * passed:
            raise DataError(
                f"{origin} gave {got:,} bytes in {passed:.0f} s, less than {SLOWEST} a second. Nothing was kept."
            )
