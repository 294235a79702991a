"""`RemoteMonitor`: logs of epochs sent to a server."""

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings

import numpy as np

from ..errors import ArgumentError
from .base import Callback

SECONDS = 10.0  # a server that does not answer must not hold up training


class RemoteMonitor(Callback):
    """Sends the logs of each epoch, with its number as `epoch`, by HTTP POST to `root + path`.

    As the field `field` of a form, whose value is JSON; or with `send_as_json` as a body of JSON. A server that
    cannot be reached is told by a warning, and training goes on.
    """

    def __init__(
        self,
        root="http://localhost:9000",
        path="/publish/epoch/end/",
        field="data",
        headers=None,
        send_as_json=False,
    ):
        super().__init__()
        if urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ArgumentError(
                f"RemoteMonitor: root={root!r}; an address http://... or https://... is needed."
            )
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch, logs=None):
        text = json.dumps({"epoch": epoch, **{k: _plain(v) for k, v in (logs or {}).items()}})
        if self.send_as_json:
            body, kind = text.encode(), "application/json"
        else:
            body = urllib.parse.urlencode({self.field: text}).encode()
            kind = "application/x-www-form-urlencoded"
        request = urllib.request.Request(
            self.root + self.path, body, {"Content-Type": kind, **(self.headers or {})}, method="POST"
        )
        try:
            urllib.request.urlopen(request, timeout=SECONDS).close()
        except urllib.error.HTTPError as error:
            error.close()
            self._warn(f"it answered {error.code}")
        except OSError as error:  # no such host, refused, out of time
            self._warn(str(error))

    def _warn(self, reason):
        warnings.warn(
            f"RemoteMonitor: the logs could not be sent to {self.root}: {reason}.",
            RuntimeWarning,
            stacklevel=4,
        )


def _plain(value):
    """What JSON has a word for."""
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
