"""`Model`: a network that can be trained, saved and described."""

from __future__ import annotations

import json
from typing import Any

from ..backend.variables import Variable
from ..optimizers import Optimizer
from ..saving import copies
from ..saving import models as saving
from ..saving.configs import plain
from ..saving.conventions import WRITTEN_AS
from ..saving.restoring import KERAS_VERSION
from ..training.trainer import Trainer
from .network import Network


class Model(Trainer, Network):
    """`Model(inputs, outputs)`, or a subclass with layers as attributes and a `call(self, inputs)`."""

    def _state_variables(self) -> list[Any]:
        # a step of one's own may use several optimizers
        optimizers = [self.optimizer, *(v for v in vars(self).values() if isinstance(v, Optimizer))]
        found: list[Any] = []
        for optimizer in dict.fromkeys(o for o in optimizers if o is not None):
            while optimizer is not None:  # one around another
                found += list(getattr(optimizer, "weights", []))
                found += [v for v in vars(optimizer).values() if isinstance(v, Variable)]
                optimizer = vars(optimizer).get("optimizer")
        for metric in self.metrics:
            found += list(getattr(metric, "weights", []))
        return [*found, self._steps.counter]

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON, in Keras 2's format."""
        return json.dumps(plain(self._description()), **kwargs)

    def to_yaml(self, **kwargs: Any) -> str:
        """The architecture as YAML, in Keras 2's format. Needs the package PyYAML (kcore[yaml])."""
        return saving.to_yaml(self._description(), **kwargs)

    # files --------------------------------------------------------------------------------------------------
    def save(
        self, filepath: Any, overwrite: bool = True, include_optimizer: bool = True, **kwargs: Any
    ) -> None:
        """Writes architecture, weights, and what it was compiled with; see `kcore.models.save_model`."""
        saving.save_model(self, filepath, overwrite, include_optimizer, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Writes the weights of all layers; see `kcore.saving.save_weights`."""
        saving.save_weights(self, filepath, overwrite, **kwargs)

    def load_weights(
        self, filepath: Any, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False
    ) -> Any:
        """Takes weights out of a file, all or nothing; see `kcore.saving.load_weights`."""
        return saving.load_weights(self, filepath, by_name, skip_mismatch, reshape)

    def __reduce__(self) -> Any:
        """For pickle, copy.copy and copy.deepcopy: all three give a model of its own, with weights, what it was
        compiled with and the optimizer's state. Raises NotImplementedError for a model written as a class."""
        return copies.reduced(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        make, arguments = copies.reduced(self)
        made = memo[id(self)] = make(*arguments)
        return made

    def _description(self) -> dict[str, Any]:
        return {
            "class_name": type(self).__name__,
            "config": self.get_config(),
            "keras_version": KERAS_VERSION,
            "backend": WRITTEN_AS,
        }
