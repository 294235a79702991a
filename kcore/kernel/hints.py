"""Which package brings a well-known engine, and with which extra its library: data for error messages."""

INSTALL_HINTS = {"tensorflow": "kcore-backend-tf[cpu]", "mxnet": "kcore-backend-mxnet[cpu]"}
