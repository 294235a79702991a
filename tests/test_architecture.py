"""The borders of docs/architecture.md: who may import whom, who names an engine, what `import kcore` does."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "kcore"

# What stands later imports what stands earlier, never the reverse. "" is kcore/__init__.py.
BORDERS = [
    ("errors", "dtypes", "shapes", "_lazy"),
    ("kernel", "spi"),
    ("backend",),
    ("objects", "initializers", "regularizers", "constraints", "activations"),
    ("layers",),
    ("losses", "metrics", "optimizers"),
    ("training", "callbacks", "saving"),
    ("models",),
    ("utils", "preprocessing", "datasets", "applications", "wrappers", "inspection", "extending"),  # leaves
    ("engine", "legacy", "objectives", "mixed_precision"),  # faces: other module paths
    ("", "cli", "__main__", "authoring"),
]
RANK = {part: rank for rank, parts in enumerate(BORDERS) for part in parts}

# Modules that stand beside the order: what they may import, and who may import them (but they themselves).
ASIDE = {
    # An engine is a plug-in: it knows the contract and the operations, and nobody knows it.
    "engines": {
        "may_import": {"errors", "dtypes", "shapes", "kernel", "spi", "backend"},
        "imported_by": set(),
    },
    # kcore's own plug-in describes layers, losses, ... and loads them when asked, as a stranger's does.
    "standard": {"may_import": {"errors", "kernel", "spi"}, "imported_by": set()},
    # The conformance kit is found by its command, not imported.
    "testing": {"may_import": set(RANK), "imported_by": set()},
}

# Engine names, as text anywhere in a file.
ENGINE_NAMES = re.compile(r"tensorflow|mxnet", re.IGNORECASE)
# Files that may name engines, with the reason. Every entry must be needed.
MAY_NAME_ENGINES = {
    "applications/weights.py": "addresses of files of weights",
    "saving/old_arrays.py": "pickled arrays name the types of NumPy",
    "kernel/hints.py": "the table of install hints",
    "saving/conventions.py": "Keras 2's files name the backend that wrote them, and so how kernels are to be read",
}

# Packages that a function may import when it is called: they are slow to import, or optional.
PUT_OFF = {"h5py", "rich", "yaml", "pandas", "PIL", "scipy", "pydot", "IPython", "sklearn", "tensorboardX"}

FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}
TREES = {name: ast.parse(path.read_text(encoding="utf-8"), str(path)) for name, path in MODULES.items()}


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(name):
    """Everything that a module imports, as (module, line, in a function): kcore's own by full name."""
    is_package = MODULES[name].name == "__init__.py"
    found = []

    def visit(node, in_function):
        if is_type_checking(node):
            return  # never run: may point anywhere
        if isinstance(node, ast.Import):
            found.extend((alias.name, node.lineno, in_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = name.split(".")[: len(name.split(".")) - node.level + is_package]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                submodule = f"{base}.{alias.name}"
                found.append((submodule if submodule in MODULES else base, node.lineno, in_function))
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(TREES[name], False)
    return found


IMPORTS = {name: imports(name) for name in MODULES}


def is_own(module):
    return module.split(".")[0] == "kcore"


def part_of(module):
    """The border that a module of kcore belongs to: `kcore.layers.core` is `layers`, `kcore` is ``."""
    return ".".join(module.split(".")[1:2])


def where(name, line):
    return f"{MODULES[name].relative_to(ROOT)}:{line}"


def test_every_module_has_its_border():
    strangers = {part_of(name) for name in MODULES} - set(RANK) - set(ASIDE)
    assert not strangers, f"give these a place in BORDERS or ASIDE: {sorted(strangers)}"


def test_imports_point_one_way():
    wrong = []
    for name, found in IMPORTS.items():
        importer = part_of(name)
        for module, line, _ in found:
            if not is_own(module) or part_of(module) == importer:
                continue
            imported = part_of(module)
            if imported in ASIDE:
                allowed = importer in ASIDE[imported]["imported_by"]
            elif importer in ASIDE:
                allowed = imported in ASIDE[importer]["may_import"]
            else:
                allowed = RANK.get(imported, 0) <= RANK.get(importer, 0)  # strangers: see the test above
            if not allowed:
                wrong.append(f"{where(name, line)}: {importer or 'kcore'} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_no_import_cycles():
    # Imports in functions count too where they are of kcore's own modules: a cycle put off is still a cycle.
    graph = {
        name: sorted({module for module, _, _ in found if module in MODULES and module != name})
        for name, found in IMPORTS.items()
    }
    done, cycles = set(), []

    def follow(name, path):
        if name in path:
            cycles.append(" -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for module in graph[name]:
                follow(module, [*path, name])
            done.add(name)

    for name in sorted(graph):
        follow(name, [])
    assert not cycles, "\n".join(cycles)


def test_no_star_imports():
    wrong = [
        where(name, node.lineno)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert not wrong, "\n".join(wrong)


def test_functions_import_only_what_is_put_off():
    wrong = [
        f"{where(name, line)}: {module}"
        for name, found in IMPORTS.items()
        if part_of(name) != "engines"
        for module, line, in_function in found
        if in_function and module.split(".")[0] not in PUT_OFF
    ]
    assert not wrong, "import these at the top of the file:\n" + "\n".join(wrong)


def docstrings(tree):
    """The nodes of a tree that are docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value


def attribute_names(tree):
    """The nodes of a tree that are names of attributes: `hasattr(value, "numpy")` asks for a method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1:
            if node.func.id in ("hasattr", "getattr"):
                yield node.args[1]


def engines_named(name):
    """Lines of a module that name an engine: another engine in any text, the NumPy engine as a string."""
    text = MODULES[name].read_text(encoding="utf-8")
    lines = {number for number, line in enumerate(text.splitlines(), 1) if ENGINE_NAMES.search(line)}
    not_names = {*docstrings(TREES[name]), *attribute_names(TREES[name])}
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Constant) and node.value == "numpy" and node not in not_names:
            lines.add(node.lineno)
    return sorted(lines)


def test_no_engine_is_named():
    wrong = [
        where(name, line)
        for name, path in MODULES.items()
        if part_of(name) != "engines" and path.relative_to(PACKAGE).as_posix() not in MAY_NAME_ENGINES
        for line in engines_named(name)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", MAY_NAME_ENGINES)
def test_exceptions_are_needed(file):
    assert engines_named(module_name(PACKAGE / file)), f"{file} names no engine: take it off the list"


def run_python(code, folder, *options):
    """Runs code in a new process, at home in an empty folder, with the kcore that this process imports."""
    import kcore

    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("KCORE_", "PYTHON"))
    }
    environment.update(
        HOME=str(folder),
        USERPROFILE=str(folder),
        PYTHONPATH=str(Path(kcore.__file__).resolve().parent.parent),
        PYTHONDONTWRITEBYTECODE="1",
    )
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def test_import_is_silent_and_leaves_nothing_behind(tmp_path):
    done = run_python("import kcore", tmp_path, "-W", "error")
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.rglob("*")) == []


def test_import_loads_no_engine(tmp_path):
    done = run_python("import sys, json, kcore; print(json.dumps(sorted(sys.modules)))", tmp_path)
    loaded = json.loads(done.stdout)
    engines = [module for module in loaded if module.startswith("kcore.engines.")]
    costly = {"tensorflow", "mxnet", "keras", "h5py", "rich", "scipy", "pandas", "PIL", "yaml", "pytest"}
    assert engines == []
    assert costly.isdisjoint(loaded), sorted(costly.intersection(loaded))
    assert "kcore.testing" not in loaded


def test_import_time(tmp_path, capsys):
    # Under 100 ms is the aim. A busy machine is no reason to fail, so only a gross change does.
    code = "import time, numpy; t = time.perf_counter(); import kcore; print(1e3 * (time.perf_counter() - t))"
    best = min(float(run_python(code, tmp_path).stdout) for _ in range(3))
    with capsys.disabled():
        print(f"\nimport kcore: {best:.0f} ms beyond NumPy")
    assert best < 1000
