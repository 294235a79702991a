"""Models in the dress of other libraries: `kcore.wrappers.scikit_learn`."""

from .._lazy import lazy_module

scikit_learn = lazy_module("kcore.wrappers.scikit_learn")
