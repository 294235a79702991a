"""What `model.explain()` tells: how each layer runs, read off the program that the engine is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import dtypes
from .._lazy import lazy_module
from ..backend.declare import declared
from ..backend.program import Opened
from ..backend.tensor import GRADIENT
from ..errors import ArgumentError, NotCompiled
from ..kernel.flat import Execution, FlatProgram, Instruction
from ..layers.input_layer import InputLayer

rich_console = lazy_module("rich.console")
rich_table = lazy_module("rich.table")

OUTSIDE = "(outside the layers)"


@dataclass
class Account:
    """How one layer runs.

    dtypes: the floating types of what it computes, such as 'float16 (in float32)' where the engine only keeps it.
    layouts: the order of the axes of images, where it has any.
    fused: composites that the engine runs as one operation, with their numbers. primitives: the same of the
    operations that every engine has. composed: composites that run as the operations of their definition, and why.
    backward: how many of the operations belong to its gradient. transposes: how many times a tensor is laid out in
    another order of axes.
    """

    layer: str
    kind: str
    engine: str
    device: str
    dtypes: list[str] = field(default_factory=list)
    layouts: list[str] = field(default_factory=list)
    fused: Counter[str] = field(default_factory=Counter)
    primitives: Counter[str] = field(default_factory=Counter)
    composed: dict[str, str] = field(default_factory=dict)
    backward: int = 0
    transposes: int = 0

    @property
    def operations(self) -> int:
        return sum(self.fused.values()) + sum(self.primitives.values())

    @property
    def how(self) -> str:
        """'fused', 'composed', 'both' or 'primitive': what its operations are; 'nothing' if it has none."""
        if not self.operations:
            return "nothing"
        if self.fused:
            return "both" if self.composed else "fused"
        return "composed" if self.composed else "primitive"


@dataclass
class Explanation:
    """One `Account` for each layer, in the order of the model; `str()` of it is a table."""

    model: str
    program: str
    accounts: list[Account]

    def __getitem__(self, layer: str) -> Account:
        return next(a for a in self.accounts if a.layer == layer)

    @property
    def transposes(self) -> int:
        return sum(a.transposes for a in self.accounts)

    def __repr__(self) -> str:
        title = f"{self.model}: {self.program}"
        names = ("Layer (type)", "Runs on", "Type", "Layout", "Operations", "Transposes")
        table = rich_table.Table(*names, title=title, title_justify="left")
        for account in self.accounts:
            backward = f" ({account.backward} backward)" if account.backward else ""
            table.add_row(
                f"{account.layer} ({account.kind})" if account.kind else account.layer,
                f"{account.engine} {account.device}",
                ", ".join(account.dtypes),
                ", ".join(account.layouts),
                f"{account.operations}{backward}, {account.how}",
                str(account.transposes),
            )
        console = rich_console.Console(markup=False, highlight=False, width=110)
        with console.capture() as captured:
            console.print(table)
            for account in self.accounts:
                for text in _told(account):
                    console.print(text)
        return captured.get().rstrip("\n")

    __str__ = __repr__


def _told(account: Account) -> Iterable[str]:
    if account.fused:
        yield f"{account.layer}: fused {_counted(account.fused)}"
    by_reason: dict[str, list[str]] = {}
    for op, reason in account.composed.items():
        by_reason.setdefault(reason, []).append(op)
    for reason, ops in by_reason.items():
        yield f"{account.layer}: composed {', '.join(ops)}: {reason}"


def _counted(names: Counter[str]) -> str:
    return ", ".join(n if count == 1 else f"{n} x {count}" for n, count in names.items())


def explain(model: Any, training: bool | None = None) -> Explanation:
    """See `Network.explain`."""
    if not model.outputs:
        raise ArgumentError(
            f"model {model.name!r} is not built yet: call build(input_shape), or fit() on data, first."
        )
    compiled = getattr(model, "_compiled", None)
    if training and compiled is None:
        raise NotCompiled(f"model {model.name!r} is not compiled: call compile(optimizer) first.")
    mode = "train" if (training if training is not None else compiled is not None) else "predict"
    engine, program, opened = model._steps.lowered(mode)
    device = getattr(model, "_device", None) or engine.default_device()
    layers = dict(_layers(model, ""))
    accounts = {path: Account(path, kind, engine.name, device) for path, kind in layers.items()}
    accounts[OUTSIDE] = Account(OUTSIDE, "", engine.name, device)
    for instruction, execution in zip(program.instructions, engine.executions(program), strict=True):
        account = accounts[_owner(instruction.scope, layers, model.name)]
        _add(account, engine, program, instruction, execution)
    for item in opened:
        _compose(accounts[_owner(item.scope, layers, model.name)], item)
    return Explanation(model.name, program.name, list(accounts.values()))


def _layers(model: Any, before: str) -> Iterable[tuple[str, str]]:
    """Path and class of each layer, those of models within the model laid open."""
    for layer in model.layers:
        path = before + layer.name
        if hasattr(layer, "_graph_nodes") and layer.layers:
            yield from _layers(layer, f"{path}/")
        elif not isinstance(layer, InputLayer):
            yield path, type(layer).__name__


def _owner(scope: str, layers: dict[str, str], model: str) -> str:
    """The layer to which a scope belongs."""
    path = scope.removeprefix(GRADIENT).removeprefix(f"{model}/")
    while path and path not in layers:
        path = path.rpartition("/")[0]
    return path or OUTSIDE


def told_type(engine: Any, dtype: str) -> str:
    """A type by name, and the one that the engine computes in where that is another: 'float16 (in float32)'."""
    inside = engine.computed_in.get(dtype, dtype)
    return dtype if inside == dtype else f"{dtype} (in {inside})"


def _add(
    account: Account, engine: Any, program: FlatProgram, instruction: Instruction, execution: Execution
) -> None:
    backward = instruction.scope.startswith(GRADIENT)
    for name in _names(instruction):
        table = account.primitives if name in _primitives() else account.fused
        table[name] += 1
        account.backward += backward
    kinds = [program.specs[slot].dtype for slot in instruction.outputs]
    _add_new(account.dtypes, (told_type(engine, k) for k in kinds if dtypes.is_float(k)))
    _add_new(account.layouts, (part for part in execution.layout.split(", ") if part))
    account.transposes += execution.transposes


def _names(instruction: Instruction) -> Iterable[str]:
    """The operation, and those of the bodies that it runs."""
    yield instruction.op
    for body in instruction.attributes.values():
        if isinstance(body, FlatProgram):
            for inner in body.instructions:
                yield from _names(inner)


def _primitives() -> set[str]:
    return {"gradients", *(op.name for op in declared() if op.is_primitive)}


def _add_new(into: list[str], items: Iterable[str]) -> None:
    into.extend(i for i in dict.fromkeys(items) if i not in into)


def _compose(account: Account, item: Opened) -> None:
    account.composed.setdefault(item.op, item.reason)


__all__: Sequence[str] = ["Account", "Explanation", "explain"]
