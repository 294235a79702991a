"""`TensorBoard`: event files for TensorBoard, written with tensorboardX (`pip install kcore[tensorboard]`)."""

import os

import numpy as np

from .. import backend as K
from ..errors import ArgumentError, DataError
from .base import Callback

BATCH_HOOKS_OFF = "epoch"  # with this `update_freq` nobody has to listen to batches


class TensorBoard(Callback):
    """Writes logs as scalars, and on request histograms, gradients, images, the graph and embeddings.

    log_dir: the folder for `tensorboard --logdir`. histogram_freq: epochs between two histograms of weights and of
    the outputs of layers (0: none); needs validation data as arrays. write_grads, write_images: with them also
    the gradients of weights, and the weights as images. write_graph: the layers and their connections.
    embeddings_freq: epochs between two savings of the outputs of `embeddings_layer_names` (default: all Embedding
    layers) for `embeddings_data`; `embeddings_metadata` names the rows: a file, a list, or a dict layer -> one of
    them. update_freq: 'epoch', 'batch', or the number of samples between two writings; with the latter two scalars
    are placed at the number of samples seen.
    """

    def __init__(
        self,
        log_dir="./logs",
        histogram_freq=0,
        batch_size=32,
        write_graph=True,
        write_grads=False,
        write_images=False,
        embeddings_freq=0,
        embeddings_layer_names=None,
        embeddings_metadata=None,
        embeddings_data=None,
        update_freq="epoch",
    ):
        super().__init__()
        known = update_freq in ("epoch", "batch") or (isinstance(update_freq, int) and update_freq > 0)
        if not known:
            raise ArgumentError(
                f"TensorBoard: update_freq={update_freq!r}; 'epoch', 'batch' or a number of samples is needed."
            )
        if embeddings_freq and embeddings_data is None:
            raise ArgumentError("TensorBoard: embeddings_freq needs embeddings_data, the inputs to look at.")
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.batch_size = batch_size
        self.write_graph = write_graph
        self.write_grads = write_grads
        self.write_images = write_images
        self.embeddings_freq = embeddings_freq
        self.embeddings_layer_names = embeddings_layer_names
        self.embeddings_metadata = embeddings_metadata
        self.embeddings_data = embeddings_data
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.listens_to_batches = update_freq != BATCH_HOOKS_OFF
        self.samples_seen = 0
        self.samples_seen_at_last_write = 0
        self._writer = None
        self._functions = {}

    # hooks --------------------------------------------------------------------------------------------------
    def on_train_begin(self, logs=None):
        if self.histogram_freq and not self.validation_data:
            raise DataError(
                "TensorBoard: histogram_freq needs validation data given as arrays (validation_data or "
                "validation_split); layer outputs are computed for them."
            )
        if self.write_grads and self.histogram_freq and not hasattr(self.model, "total_loss"):
            raise ArgumentError("TensorBoard: write_grads needs a model that is compiled with a loss.")
        self._writer = _writer_for(self.log_dir)
        self._functions = {}
        if self.write_graph:
            self._write_graph()

    def on_batch_end(self, batch, logs=None):
        if not self.listens_to_batches:
            return
        logs = logs or {}
        self.samples_seen += logs.get("size", 1)
        if self.samples_seen - self.samples_seen_at_last_write >= self.update_freq:
            self._write_logs(logs, self.samples_seen)
            self.samples_seen_at_last_write = self.samples_seen

    def on_epoch_end(self, epoch, logs=None):
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
            self._write_outputs(epoch)
            if self.write_grads:
                self._write_gradients(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)
        self._write_logs(logs or {}, self.samples_seen if self.listens_to_batches else epoch)
        self._writer.flush()

    def on_train_end(self, logs=None):
        self._close()

    def on_interrupted(self):
        self._close()

    def _close(self):
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    # what is written ----------------------------------------------------------------------------------------
    def _write_logs(self, logs, step):
        for name, value in logs.items():
            if name not in ("batch", "size") and np.ndim(value) == 0:
                self._writer.add_scalar(name, float(value), step)

    def _write_graph(self):
        from tensorboardX.proto import event_pb2, graph_pb2, node_def_pb2

        nodes = []
        for layer in self.model.layers:
            before = [b.name for node in layer._inbound_nodes[:1] for b in node.inbound_layers]
            nodes.append(node_def_pb2.NodeDef(name=layer.name, op=type(layer).__name__, input=before))
        graph = graph_pb2.GraphDef(node=nodes)
        self._writer.file_writer.add_event(event_pb2.Event(graph_def=graph.SerializeToString()))

    def _write_weights(self, epoch):
        for weight in self.model.weights:
            value, name = weight.numpy(), _tag(weight.name)
            if value.size:
                self._writer.add_histogram(name, value, epoch)
                if self.write_images:
                    for i, image in enumerate(_images_of(value)):
                        tag = f"{name}/image/{i}" if i else f"{name}/image"
                        self._writer.add_image(tag, image, epoch, dataformats="HW")

    def _write_outputs(self, epoch):
        pairs = [(la, t) for la in self.model.layers for t in self._outputs_of(la)]
        found = self._computed("outputs", [t for _, t in pairs], self.validation_data)
        for (layer, _), value in zip(pairs, found):
            if value.size:
                self._writer.add_histogram(f"{layer.name}_out", value, epoch)

    def _outputs_of(self, layer):
        """What `layer` gives in this model; it may also stand in others."""
        reached = self.model._reachable() if self.model.inputs else ()
        for node in reversed(layer._inbound_nodes):
            if all(t in reached for t in node.output_tensors):
                return node.output_tensors
        return []

    def _write_gradients(self, epoch):
        model = self.model
        weights = model.trainable_weights
        key = "gradients"
        if key not in self._functions:
            heads = [(t, w) for t, w in zip(model.targets, model.sample_weights) if t is not None]
            fed = [*model.inputs, *(t for t, _ in heads)]
            given = len(self.validation_data) - len(fed)
            fed += [w for _, w in heads][:given]
            ones = {w: K.ones_like(t)[(slice(None), *[0] * (len(t.shape) - 1))] for t, w in heads[given:]}
            self._functions[key] = K.function(fed, K.gradients(model.total_loss, weights), givens=ones)
        batch = [a[: self.batch_size] for a in self.validation_data]
        for weight, value in zip(weights, self._functions[key](batch)):
            self._writer.add_histogram(f"{_tag(weight.name)}_grad", value, epoch)

    def _write_embeddings(self, epoch):
        names = self.embeddings_layer_names
        layers = [
            la
            for la in self.model.layers
            if (la.name in names if names else type(la).__name__ == "Embedding")
        ]
        given = self.embeddings_data
        data = list(given) if isinstance(given, (list, tuple)) else [given]
        found = self._computed("embeddings", [self._outputs_of(la)[0] for la in layers], data)
        for layer, value in zip(layers, found):
            rows = value.reshape(len(value), -1)
            self._writer.add_embedding(
                rows, self._metadata(layer, len(rows)), global_step=epoch, tag=layer.name
            )

    def _metadata(self, layer, rows):
        """The names of the rows of one layer's embedding, None if none are given."""
        given = self.embeddings_metadata
        given = given.get(layer.name) if isinstance(given, dict) else given
        if given is None:
            return None
        if isinstance(given, (str, os.PathLike)):
            with open(given, encoding="utf-8") as file:
                given = file.read().splitlines()
        given = [str(g) for g in given]
        if len(given) != rows:
            raise DataError(
                f"TensorBoard: embeddings_metadata has {len(given)} names for the {rows} rows of {layer.name!r}."
            )
        return given

    def _computed(self, key, tensors, data):
        """Values of tensors of the model for its inputs in `data`, computed in batches."""
        if not tensors:
            return []
        if key not in self._functions:
            self._functions[key] = K.function(list(self.model.inputs), tensors, backend=self.model.backend)
        inputs = [np.asarray(a) for a in data[: len(self.model.inputs)]]
        parts = [
            self._functions[key]([a[i : i + self.batch_size] for a in inputs])
            for i in range(0, len(inputs[0]), self.batch_size)
        ]
        return [np.concatenate(p) for p in zip(*parts)]


def _writer_for(folder):
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "TensorBoard needs the package tensorboardX: pip install kcore[tensorboard]"
        ) from error
    return SummaryWriter(folder)


def _tag(name):
    return name.replace(":", "_")


def _images_of(value):
    """A weight as grey pictures (rows, columns) from 0 to 1: kernels (rows, cols, in, out) one for each channel out."""
    value = np.squeeze(value)
    if value.ndim > 4 or value.ndim == 0:
        return []
    if value.ndim == 1:
        value = value[:, None]
    if value.ndim == 2:
        pictures = [value.T if value.shape[0] > value.shape[1] else value]
    else:
        moved = np.moveaxis(value, -1, 0)
        pictures = [p if p.ndim == 2 else p.mean(axis=-1) for p in moved]
    return [_scaled(p) for p in pictures]


def _scaled(picture):
    low, high = float(picture.min()), float(picture.max())
    return ((picture - low) / (high - low or 1.0)).astype("float32")
