"""RemoteMonitor against a real server in a thread."""

import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

from kcore.callbacks import RemoteMonitor
from kcore.errors import ArgumentError


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.heard.append((self.path, self.headers["Content-Type"], self.headers.get("Token"), body))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    made = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    made.heard, made.answer = [], 200
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made.root = f"http://127.0.0.1:{made.server_port}"
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_form(server):
    RemoteMonitor(server.root).on_epoch_end(2, {"loss": np.float32(0.5), "lr": np.array(0.1)})
    path, kind, _, body = server.heard[0]
    assert path == "/publish/epoch/end/" and kind == "application/x-www-form-urlencoded"
    assert json.loads(urllib.parse.parse_qs(body)["data"][0]) == {"epoch": 2, "loss": 0.5, "lr": 0.1}


def test_json_with_headers(server):
    monitor = RemoteMonitor(server.root, "/logs", headers={"Token": "t"}, send_as_json=True)
    monitor.on_epoch_end(0, {"loss": 1.0})
    path, kind, token, body = server.heard[0]
    assert (path, kind, token) == ("/logs", "application/json", "t")
    assert json.loads(body) == {"epoch": 0, "loss": 1.0}


def test_no_answer_is_a_warning(server):
    server.answer = 500
    with pytest.warns(RuntimeWarning, match="it answered 500"):
        RemoteMonitor(server.root).on_epoch_end(0, {})
    with pytest.warns(RuntimeWarning, match="could not be sent to http://127.0.0.1:1"):
        RemoteMonitor("http://127.0.0.1:1").on_epoch_end(0, {})
    with pytest.raises(ArgumentError, match="an address"):
        RemoteMonitor("file:///etc/passwd")
