"""The code in docs/training.md and docs/dtypes.md runs."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "training.md"


def test_code_of_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    space = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), space)
    assert capsys.readouterr().out.startswith("Epoch 1/2")
    assert list(tmp_path.joinpath("state").iterdir()) == []


def test_code_of_the_page_on_types():
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "dtypes.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    space = {}
    exec(compile(blocks[0], "dtypes.md", "exec"), space)
    assert space["model"].output.dtype == "float16"
    assert (
        space["exact"].output.dtype == space["same"].output.dtype == space["wide"].output.dtype == "float64"
    )
