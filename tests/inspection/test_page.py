"""The programs of docs/inspecting.md run."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "inspecting.md"


def test_the_programs_of_the_page_run(capsys):
    programs = re.findall(
        r"^```python run\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    names = {}
    for program in programs:
        exec(program, names)
    assert len(programs) == 2
    shown = capsys.readouterr().out
    assert "all layers agree" in shown and "Transposes" in shown
