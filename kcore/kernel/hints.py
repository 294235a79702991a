"""Which package brings a well-known engine: data for error messages."""

INSTALL_HINTS = {"tensorflow": "kcore-backend-tf", "mxnet": "kcore-backend-mxnet"}
