"""A plug-in author's way: files out of a page of docs, a wheel of them, a new environment with that wheel."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import kcore

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs" / "plugins"
_BLOCK = re.compile(r"^```(\w+) (file=(?P<file>\S+)|run)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def pieces(page):
    """The files that a page of docs is made of, blocks of one file joined in order, and its programs to run."""
    files, programs = {}, []
    for found in _BLOCK.finditer((DOCS / page).read_text(encoding="utf-8")):
        if found["file"]:
            before = files.get(found["file"])
            files[found["file"]] = found["text"] if before is None else f"{before}\n\n{found['text']}"
        else:
            programs.append(found["text"])
    return files, programs


def written(folder, files):
    """The folder, with the files in it."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def wheel_of(folder):
    """The wheel of the package in `folder`, as `pip wheel` makes it."""
    _pip("wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", folder / "dist", folder)
    (made,) = (folder / "dist").glob("*.whl")
    return made


def _pip(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


class NewEnvironment:
    """A virtual environment of its own, in which kcore and what it needs can be imported, and nothing else is."""

    def __init__(self, folder):
        venv.create(folder, with_pip=False, symlinks=os.name != "nt")
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        site = Path(self._asked("import sysconfig; print(sysconfig.get_paths()['purelib'])"))
        paths = [
            Path(kcore.__file__).resolve().parent.parent,
            *(sysconfig.get_paths()[k] for k in ("purelib", "platlib")),
        ]
        (site / "kcore_and_its_needs.pth").write_text("\n".join(dict.fromkeys(map(str, paths))))

    def install(self, wheel):
        _pip("--python", self.python, "install", "--no-deps", "--no-index", wheel)

    def uninstall(self, name):
        _pip("--python", self.python, "uninstall", "-y", name)

    def run(self, *arguments, cwd=None, status=0):
        """What the environment's Python prints; it must end with `status`."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KCORE_", "PYTHON"))}
        done = subprocess.run(
            [self.python, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**clean, "COLUMNS": "120"},
        )
        assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def command(self, *arguments, **options):
        """The command `kcore`."""
        return self.run("-m", "kcore.cli", *arguments, **options)

    def _asked(self, code):
        return self.run("-c", code).strip()
