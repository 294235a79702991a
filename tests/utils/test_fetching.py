"""What `get_file` takes from a server: rules 19 to 21 and 26 of docs/security.md, against a server on this machine."""

import http.server
import os
import threading
import time

import pytest

from kcore import utils
from kcore.errors import ArgumentError, DataError
from kcore.utils import fetching

BODY = b"kcore" * 1000


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        getattr(self, "answer_" + self.path.split("/")[1].split("?")[0])()

    def start(self, code=200, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def answer_file(self):
        self.start()
        self.wfile.write(BODY)

    def answer_on(self):
        self.start(302, Location=self.path.partition("?")[2])

    def answer_endless(self):
        self.start()
        while not self.server.over:
            self.wfile.write(b"x" * 65536)

    def answer_slow(self):
        self.start()
        while not self.server.over:
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def answer_silent(self):
        self.start()
        while not self.server.over:
            time.sleep(0.05)

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # the other side has had enough

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as made:
        made.over = False
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.over = True
        made.shutdown()
        thread.join()


def got(tmp_path, origin, fname="f", **options):
    return utils.get_file(fname, origin, cache_dir=tmp_path / "cache", **options)


def kept(tmp_path):
    return [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_plain_http_has_to_be_asked_for(server, tmp_path):
    with pytest.raises(DataError, match=r"scheme 'http' \(rule 21\); allowed are https, file.*schemes="):
        got(tmp_path, server + "/file/a.bin")
    path = got(tmp_path, server + "/file/a.bin", fname=None, schemes=("http",))
    assert os.path.basename(path) == "a.bin"
    with open(path, "rb") as file:
        assert file.read() == BODY


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "https://127.0.0.1:9/x"])
def test_a_server_leads_to_no_other_scheme(server, target, tmp_path):
    with pytest.raises(DataError, match=rf"leads on to .* scheme '{target.split(':')[0]}' \(rule 21\)"):
        got(tmp_path, f"{server}/on?{target}", schemes=("http", "file"))
    assert not kept(tmp_path)


def test_a_server_may_lead_on_by_what_is_allowed(server, tmp_path):
    with open(got(tmp_path, f"{server}/on?{server}/file/b", schemes=("http",)), "rb") as file:
        assert file.read() == BODY


def test_sizes_and_times_are_limited(server, tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"larger than 100,000 bytes \(rule 21\).*max_bytes="):
        got(tmp_path, server + "/endless/x", schemes=("http",), max_bytes=100_000)
    monkeypatch.setattr(fetching, "SILENCE_S", 0.3)
    with pytest.raises(DataError, match=r"said nothing for 0\.3 s"):
        got(tmp_path, server + "/silent/x", schemes=("http",))
    with pytest.raises(DataError, match="less than 1024 a second"):
        got(tmp_path, server + "/slow/x", schemes=("http",))
    assert not kept(tmp_path)


@pytest.mark.parametrize("end", ["", "..", ".", "..%2fevil", "a%5cb", "%00", "c:evil", "/"])
def test_names_from_addresses_are_plain(end, tmp_path):
    with pytest.raises(DataError, match=r"rule 19\); give fname"):
        got(tmp_path, "https://127.0.0.1:9/" + end, fname=None)
    assert not kept(tmp_path)


@pytest.mark.parametrize("fname", ["", "..", "../x", "a/b", "a\\b", "c:x", "x\0"])
def test_names_that_are_given_are_plain(fname, tmp_path):
    with pytest.raises(ArgumentError, match="rule 19.*cache_subdir"):
        got(tmp_path, "https://127.0.0.1:9/x", fname=fname)
    assert not list(tmp_path.iterdir())


def test_an_absolute_path_is_taken_as_it_is(server, tmp_path):
    wanted = tmp_path / "elsewhere" / "c.bin"
    assert got(tmp_path, server + "/file/c", fname=str(wanted), schemes=("http",)) == str(wanted)
    assert wanted.read_bytes() == BODY and not kept(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_cache_is_its_owners(tmp_path):
    (tmp_path / "data").write_bytes(b"1")
    before = os.umask(0)
    try:
        got(tmp_path, (tmp_path / "data").as_uri())
    finally:
        os.umask(before)
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "cache" / "datasets").stat().st_mode & 0o777 == 0o700
