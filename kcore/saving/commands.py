"""`kcore inspect` and `kcore convert`."""

from __future__ import annotations

import argparse
import json
import os
import sys

from ..errors import ArgumentError
from .inspecting import inspected, told
from .models import load_model, save_model


def inspect(options: argparse.Namespace) -> int:
    """Prints the report; the status is 1 where something is suspicious."""
    report = inspected(options.file, options.verify)
    print(json.dumps(report, indent=1) if options.json else told(report))
    return 1 if report["suspicious"] else 0


def convert(options: argparse.Namespace) -> int:
    """Loads one file and saves the model as another; formats as the names and the first bytes say."""
    if os.path.exists(options.target) and not options.overwrite:
        raise ArgumentError(f"{options.target} is there already; --overwrite replaces it.")
    model = load_model(options.source, compile=not options.no_optimizer)
    save_model(model, options.target, include_optimizer=not options.no_optimizer)
    print(
        f"{options.source} -> {options.target}: {len(model.layers)} layers, {model.count_params():,} weights"
    )
    sys.stdout.flush()
    return 0
