"""Batches fetched ahead, for loops of one's own: Keras's `OrderedEnqueuer` and `GeneratorEnqueuer`."""

import itertools

import numpy as np

from ..errors import ArgumentError, DataError
from ..training.data import shuffled
from ..training.readers import reader_for


class SequenceEnqueuer:
    """Base of both. `start()`, then `get()` is an iterator over batches, then `stop()`; or a `with` block."""

    def __init__(self, sequence, use_multiprocessing=False):
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self._reader = None

    def is_running(self):
        return self._reader is not None

    def start(self, workers=1, max_queue_size=10):
        """Starts threads, or processes, that hold up to `max_queue_size` batches ready."""
        if self.is_running():
            raise ArgumentError(f"{type(self).__name__} runs already: stop() it first.")
        self._seeds = self.use_multiprocessing and workers > 0
        self._reader = reader_for(
            self._source(), self._ordered, workers, self.use_multiprocessing, max_queue_size
        )

    def stop(self, timeout=None):
        """Ends the workers. `timeout` is there for Keras's callers: what is being read is waited for."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            reader.close()

    def __enter__(self):
        if not self.is_running():
            self.start()
        return self

    def __exit__(self, *error):
        self.stop()

    def _running(self):
        if self._reader is None:
            raise ArgumentError(f"{type(self).__name__} does not run: start() it before get().")
        return self._reader


class OrderedEnqueuer(SequenceEnqueuer):
    """Batches of a `Sequence` in order, epoch after epoch without end; `shuffle`: in a new order in each."""

    _ordered = True

    def __init__(self, sequence, use_multiprocessing=False, shuffle=False):
        if not getattr(sequence, "use_sequence_api", False):
            raise DataError(f"OrderedEnqueuer needs a Sequence; a {type(sequence).__name__} was given.")
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle

    def _source(self):
        return self.sequence

    def get(self):
        while self.is_running():
            order = shuffled(len(self.sequence), self.shuffle, 1)
            tasks = range(len(self.sequence)) if order is None else order.tolist()
            if self._seeds:
                tasks = [(i, int(np.random.randint(2**31))) for i in tasks]  # each with a seed of its own
            for batch in self._running().begin(iter(tasks)):
                yield batch
                if not self.is_running():
                    return
            self._running().end()
            self.sequence.on_epoch_end()


class GeneratorEnqueuer(SequenceEnqueuer):
    """Batches of a generator, in its order. `wait_time` and `random_seed` are there for Keras's callers."""

    _ordered = False

    def __init__(self, sequence, use_multiprocessing=False, wait_time=None, random_seed=None):
        if getattr(sequence, "use_sequence_api", False):
            raise DataError("GeneratorEnqueuer reads generators; OrderedEnqueuer is for a Sequence.")
        super().__init__(sequence, use_multiprocessing)

    def _source(self):
        return iter(self.sequence)

    def get(self):
        return self._running().begin(itertools.count())
