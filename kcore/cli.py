"""The command `kcore`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from importlib import import_module

from ._lazy import lazy_module
from .errors import KcoreError
from .kernel.loader import PluginInfo, plugins

rich_console = lazy_module("rich.console")
rich_markup = lazy_module("rich.markup")
rich_table = lazy_module("rich.table")


def _add_plugins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="machine-readable")


def _plugins(options: argparse.Namespace) -> int:
    """Lists every plug-in: what it gives, versions, state and reason."""
    found = plugins()
    if options.json:
        print(json.dumps([dataclasses.asdict(p) for p in found], indent=1, default=str))
        return 0
    table = rich_table.Table("plug-in", "package", "contract", "state", "gives")
    for plugin in found:
        # a stranger's words are shown as they are: brackets in them are no markup
        table.add_row(*map(rich_markup.escape, _row(plugin)))
    console = rich_console.Console()
    console.print(table)
    unused = [p for p in found if p.reason]
    for plugin in unused:  # in lines of their own: a reason is a sentence, and is copied from here
        told = f"{plugin.name} ({plugin.origin}) is {plugin.state}: {plugin.reason}"
        console.print(told, markup=False, highlight=False, soft_wrap=True)
    if any(p.state == "set aside" for p in unused):
        console.print("`kcore doctor` gives the lines that mend it.", markup=False, highlight=False)
    return 0


def _row(plugin: PluginInfo) -> list[str]:
    given = [f"{family}: {_shortened(names)}" for family, names in plugin.gives.items()]
    contract = "?" if plugin.api is None else str(plugin.api)
    return [plugin.name, str(plugin.origin), contract, plugin.state, ", ".join(given)]


def _shortened(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else str(len(names))


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="an engine, a plug-in, or the package of one")
    parser.add_argument(
        "--level", default="recurrent", choices=("inference", "training", "recurrent"), help="for engines"
    )
    parser.add_argument(
        "--backend",
        help="the engines on which layers are checked, separated by commas (default: all that load)",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="processes that share the checks of an engine (default: 1)",
    )
    parser.add_argument("--json", metavar="FILE", help="also write the report there")
    parser.add_argument("--html", metavar="FILE", help="also write a page to look at")
    parser.add_argument("--card", metavar="FILE", help="also write a summary in Markdown, for a README")


def _check(options: argparse.Namespace) -> int:
    """Runs the conformance kit on an engine or a collection of layers, and checks the package it comes in."""
    return int(import_module("kcore.testing.command").run(options))


def _add_new_plugin(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("engine", "layers"))
    parser.add_argument("name", help="small letters, digits, hyphens")
    parser.add_argument("--folder", help="where to write (default: the package's name)")


def _new_plugin(options: argparse.Namespace) -> int:
    """Writes a package for an engine or a collection of layers: it installs and passes the check at once."""
    return int(import_module("kcore.authoring.new_plugin").run(options))


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="machine-readable")


def _doctor(options: argparse.Namespace) -> int:
    """Tells what is installed, what does not work and why, and the lines that mend it."""
    return int(import_module("kcore.authoring.doctor").run(options))


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a file of a saved model, or module:function that makes one")
    parser.add_argument(
        "--backends", required=True, help="engines, separated by commas; the first is the reference"
    )
    parser.add_argument(
        "--data", metavar="FILE", help=".npz or .npy with the batch: x (or x0, x1, ...), and y"
    )
    parser.add_argument("--rows", type=int, default=4, help="rows of the batch that is made (default: 4)")
    parser.add_argument("--inference", action="store_true", help="the phase of inference, not of training")
    parser.add_argument(
        "--tolerance", type=float, default=1.0, help="a factor for the tolerances (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="for what is made (default: 0)")
    parser.add_argument("--json", metavar="FILE", help="also write the result there")


def _compare(options: argparse.Namespace) -> int:
    """Runs a model on two engines, layer by layer, and names the first layer that differs."""
    return int(import_module("kcore.inspection.command").run(options))


def _add_inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="a model: HDF5, .keras or .kcore")
    parser.add_argument(
        "--verify", action="store_true", help="also read all weights and check their checksums"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable")


def _inspect(options: argparse.Namespace) -> int:
    """Tells what is in a model file, without loading it: layers, sizes, plug-ins, and what is suspicious."""
    return int(import_module("kcore.saving.commands").inspect(options))


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="a model: HDF5, .keras or .kcore")
    parser.add_argument("target", help="the file to be written; its suffix tells the format: .h5 or .kcore")
    parser.add_argument(
        "--no-optimizer", action="store_true", help="leave out what the model was compiled with"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the target if it is there")


def _convert(options: argparse.Namespace) -> int:
    """Writes a model file in another format."""
    return int(import_module("kcore.saving.commands").convert(options))


# name -> (adds its arguments, runs it)
COMMANDS = {
    "plugins": (_add_plugins, _plugins),
    "check": (_add_check, _check),
    "new-plugin": (_add_new_plugin, _new_plugin),
    "doctor": (_add_doctor, _doctor),
    "compare": (_add_compare, _compare),
    "inspect": (_add_inspect, _inspect),
    "convert": (_add_convert, _convert),
}


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the console script; returns the exit status."""
    parser = argparse.ArgumentParser("kcore", description="The Keras 2 API on a plug-in micro-kernel.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (add, run) in COMMANDS.items():
        summary = (run.__doc__ or "").strip()
        add(commands.add_parser(name, help=summary, description=summary))
    options = parser.parse_args(arguments)
    try:
        return COMMANDS[options.command][1](options)
    except KcoreError as error:
        print(f"kcore: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
