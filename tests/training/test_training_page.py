"""The code in docs/training.md runs."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "training.md"


def test_code_of_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    space = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), space)
    assert capsys.readouterr().out.startswith("Epoch 1/2")
    assert list(tmp_path.joinpath("state").iterdir()) == []
