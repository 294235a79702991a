from dataclasses import dataclass
from typing import Any

@dataclass(frozen=True)
class BackendSpec:
    name: str
    load: Any
    api: int = 1
    priority: int = 0
    description: str = ""
    needs: tuple = ()

@dataclass(frozen=True)
class ObjectSpec:
    name: str
    target: Any
    aliases: tuple = ()

LayerSpec = LossSpec = MetricSpec = OptimizerSpec = InitializerSpec = RegularizerSpec = ConstraintSpec = ActivationSpec = CallbackSpec = ObjectSpec
