"""The code in docs/backend.md runs, and gives what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

from kcore import backend as K

PAGE = Path(__file__).resolve().parents[2] / "docs" / "backend.md"


def test_code_of_the_page():
    pytest.importorskip("scipy.sparse")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    space = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), space)
    np.testing.assert_allclose(space["slope"], 1 - np.tanh(np.ones((2, 3))) ** 2, rtol=1e-5)
    assert float(np.asarray(K.eval(space["curve"]))) == pytest.approx(12.0, rel=1e-5)
    assert space["embedded"].shape == (1000, 8)
    np.testing.assert_allclose(space["embedded"][:, 0], np.asarray(space["links"].sum(1)).ravel(), rtol=1e-4)
    assert [f.shape for f in space["found"]] == [w.shape for w in space["model"].get_weights()]
    for name in ("einsum", "top_k", "svd"):
        assert name in dir(K)
