"""Keras's older faces: `fit_generator` and its sisters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError
from .data import is_batches


class GeneratorFaces:
    """Methods for generators and Sequences, by the names of before `fit` took them."""

    def fit_generator(
        self,
        generator,
        steps_per_epoch=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_data=None,
        validation_steps=None,
        validation_freq=1,
        class_weight=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        shuffle=True,
        initial_epoch=0,
    ):
        """`fit` on a generator or a `Sequence`."""
        return self.fit(
            _as_batches(generator, "fit_generator"),
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )

    def evaluate_generator(
        self,
        generator,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        verbose=0,
    ):
        """`evaluate` on a generator or a `Sequence`."""
        return self.evaluate(
            _as_batches(generator, "evaluate_generator"),
            steps=steps,
            callbacks=callbacks,
            verbose=verbose,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )

    def predict_generator(
        self,
        generator,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        verbose=0,
    ):
        """`predict` on a generator or a `Sequence`."""
        return self.predict(
            _as_batches(generator, "predict_generator"),
            steps=steps,
            callbacks=callbacks,
            verbose=verbose,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )


def _as_batches(generator: Any, method: str) -> Any:
    if is_batches(generator):
        return generator
    if hasattr(generator, "__iter__") and not isinstance(generator, (np.ndarray, list, tuple, dict)):
        return iter(generator)
    raise DataError(f"{method} needs a generator or a Sequence; a {type(generator).__name__} was given.")
