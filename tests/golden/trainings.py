"""Small trainings whose numbers the original recorded (`trainings.npz`): built the same way for it and for kcore.

`CASES` maps a name to a function of a `Kit` (the modules to build with, and draws of numbers that hang on the name
alone) that gives what to train and how.
"""

import zlib

import numpy as np

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


class Kit:
    """A package's modules (layers, models, losses, metrics, optimizers, backend) and draws for one case."""

    def __init__(self, modules, name):
        vars(self).update(modules)
        self.rng = np.random.RandomState(zlib.crc32(name.encode()))

    def real(self, *shape):
        return self.rng.uniform(-1, 1, shape).astype("float32")

    def share(self, *shape):
        return self.rng.uniform(0.05, 0.95, shape).astype("float32")

    def number(self, below, *shape):
        return self.rng.randint(0, below, shape)

    def one_hot(self, classes, *shape):
        return np.eye(classes, dtype="float32")[self.number(classes, *shape)]

    def chain(self, *layers):
        return self.models.Sequential(list(layers))

    def dense(self, units, activation):
        """(4,) -> 5 -> units."""
        la = self.layers
        return self.chain(
            la.Dense(5, activation="tanh", input_shape=(4,)), la.Dense(units, activation=activation)
        )

    def padded(self, *shape):
        """Sequences of which the first four are two steps shorter (zeros)."""
        value = self.real(*shape)
        value[:4, -2:] = 0
        return value


def train(modules, name):
    """What a case's training gives: {name: array}. Batches of 4 in order, two epochs, evaluation by 3."""
    kit = Kit(modules, name)
    todo = CASES[name](kit)
    model, x, y = todo["model"], todo["x"], todo["y"]
    draws = np.random.RandomState(3)
    values = [draws.uniform(-0.5, 0.5, w.shape).astype("float32") for w in model.get_weights()]
    positive = ["variance" in w.name for layer in model.layers for w in layer.weights]  # as get_weights
    model.set_weights([np.abs(v) + 0.1 if p else v for v, p in zip(values, positive)])
    model.compile(todo.get("optimizer") or kit.optimizers.SGD(0.1), **todo["compile"])
    np.random.seed(3)
    fit = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
    fit.update(todo.get("fit", {}))
    history = model.fit(x, y, **fit)
    result = {"history " + k: np.asarray(v) for k, v in history.history.items()}
    result["names"] = np.asarray(model.metrics_names)
    result["evaluate"] = np.asarray(model.evaluate(x, y, batch_size=3, verbose=0))
    predicted = model.predict(x, batch_size=4)
    for i, value in enumerate(predicted if isinstance(predicted, list) else [predicted]):
        result[f"predict_{i}"] = value
    for i, value in enumerate(model.get_weights()):
        result[f"weight_{i}"] = value
    return result


# what names of metrics mean ------------------------------------------------------------------------------------
@case
def accuracy_of_one_column(k):
    return {
        "model": k.dense(1, "sigmoid"), "x": k.real(10, 4), "y": k.number(2, 10, 1),
        "compile": {"loss": "binary_crossentropy", "metrics": ["acc", "ce", "mse"]},
    }  # fmt: skip


@case
def accuracy_of_several_labels(k):
    names = ["accuracy", "crossentropy", "binary_accuracy"]
    return {
        "model": k.dense(3, "sigmoid"), "x": k.real(10, 4), "y": k.number(2, 10, 3),
        "compile": {"loss": "binary_crossentropy", "metrics": names},
    }  # fmt: skip


@case
def accuracy_of_classes(k):
    names = ["acc", "ce", "top_k_categorical_accuracy", "cosine_similarity"]
    return {
        "model": k.dense(7, "softmax"), "x": k.real(10, 4), "y": k.one_hot(7, 10),
        "compile": {"loss": "categorical_crossentropy", "metrics": names},
    }  # fmt: skip


@case
def accuracy_of_class_numbers(k):
    return {
        "model": k.dense(3, "softmax"), "x": k.real(10, 4), "y": k.number(3, 10, 1),
        "compile": {"loss": "sparse_categorical_crossentropy", "metrics": ["acc", "ce"]},
    }  # fmt: skip


def _regression(loss):
    def made(k):
        return {
            "model": k.dense(3, "softmax"), "x": k.real(10, 4), "y": k.share(10, 3),
            "compile": {"loss": loss, "metrics": ["acc", "mae"]},
        }  # fmt: skip

    CASES["loss_" + loss] = made


for _loss in (
    "mse", "mae", "mape", "msle", "hinge", "squared_hinge", "categorical_hinge", "logcosh", "kld", "poisson",
    "cosine_proximity",
):  # fmt: skip
    _regression(_loss)


# masks and weights ---------------------------------------------------------------------------------------------
def _tagger(k):
    la = k.layers
    return k.chain(
        la.Embedding(6, 4, mask_zero=True),
        la.LSTM(4, return_sequences=True),
        la.TimeDistributed(la.Dense(3, activation="softmax")),
    )


@case
def masked_tags(k):
    x = k.number(6, 10, 5)
    x[:3, 3:] = 0
    return {
        "model": _tagger(k), "x": x, "y": k.number(3, 10, 5, 1),
        "compile": {"loss": "sparse_categorical_crossentropy", "metrics": ["acc"]},
    }  # fmt: skip


@case
def masked_tags_with_weights_of_steps(k):
    x = k.number(6, 10, 5)
    x[:3, 3:] = 0
    options = {"metrics": ["acc"], "weighted_metrics": ["mae", "acc"], "sample_weight_mode": "temporal"}
    return {
        "model": _tagger(k), "x": x, "y": k.one_hot(3, 10, 5), "fit": {"sample_weight": k.share(10, 5)},
        "compile": dict(options, loss="categorical_crossentropy"),
    }  # fmt: skip


@case
def masked_tags_with_weights_of_samples(k):
    x = k.number(6, 10, 5)
    x[:3, 3:] = 0
    return {
        "model": _tagger(k), "x": x, "y": k.one_hot(3, 10, 5), "fit": {"sample_weight": k.share(10)},
        "compile": {"loss": "categorical_crossentropy", "metrics": ["acc"], "weighted_metrics": ["mae"]},
    }  # fmt: skip


@case
def mask_into_objects(k):
    la = k.layers
    both = la.Bidirectional(la.GRU(2, return_sequences=True, reset_after=True), merge_mode="ave")
    model = k.chain(la.Masking(input_shape=(5, 3)), both, la.Activation("softmax"))
    found = [k.metrics.CategoricalAccuracy(), k.metrics.MeanSquaredError()]
    return {
        "model": model, "x": k.padded(10, 5, 3), "y": k.one_hot(2, 10, 5),
        "compile": {"loss": k.losses.CategoricalCrossentropy(), "metrics": found},
    }  # fmt: skip


@case
def mask_into_a_mean_over_steps(k):
    la = k.layers
    dense = la.Dense(4, activity_regularizer="l2")
    model = k.chain(la.Masking(input_shape=(5, 3)), dense, la.GlobalAveragePooling1D())
    return {"model": model, "x": k.padded(10, 5, 3), "y": k.real(10, 4), "compile": {"loss": "mse"}}


@case
def weights_of_classes_and_samples(k):
    fit = {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}, "sample_weight": k.share(10)}
    names = {"metrics": ["acc"], "weighted_metrics": ["mae"]}
    return {
        "model": k.dense(3, "softmax"), "x": k.real(10, 4), "y": k.number(3, 10, 1), "fit": fit,
        "compile": dict(names, loss="sparse_categorical_crossentropy"),
    }  # fmt: skip


@case
def a_batch_without_weight(k):
    weights = np.r_[np.zeros(4), np.ones(6)].astype("float32")
    return {
        "model": k.dense(3, "linear"), "x": k.real(10, 4), "y": k.real(10, 3), "fit": {"sample_weight": weights},
        "compile": {"loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mae"]},
    }  # fmt: skip


# losses and metrics as objects -----------------------------------------------------------------------------------
@case
def loss_summed_over_the_batch(k):
    return {
        "model": k.dense(3, "linear"), "x": k.real(10, 4), "y": k.real(10, 3), "fit": {"sample_weight": k.share(10)},
        "compile": {"loss": k.losses.MeanSquaredError(reduction="sum"), "metrics": ["mse"]},
    }  # fmt: skip


@case
def smoothed_labels(k):
    return {
        "model": k.dense(3, "softmax"), "x": k.real(10, 4), "y": k.one_hot(3, 10),
        "compile": {"loss": k.losses.CategoricalCrossentropy(label_smoothing=0.1), "metrics": ["acc"]},
    }  # fmt: skip


@case
def logits(k):
    found = [k.metrics.CategoricalCrossentropy(from_logits=True)]
    return {
        "model": k.dense(3, "linear"), "x": k.real(10, 4), "y": k.one_hot(3, 10),
        "compile": {"loss": k.losses.CategoricalCrossentropy(from_logits=True), "metrics": found},
    }  # fmt: skip


@case
def logits_of_class_numbers(k):
    return {
        "model": k.dense(3, "linear"), "x": k.real(10, 4), "y": k.number(3, 10),
        "compile": {"loss": k.losses.SparseCategoricalCrossentropy(from_logits=True), "metrics": ["acc"]},
    }  # fmt: skip


@case
def confusion(k):
    me = k.metrics
    found = [
        me.AUC(num_thresholds=20, name="auc"), me.Precision(name="p"), me.Recall(name="r"), me.TruePositives(name="tp"),
        me.SensitivityAtSpecificity(0.5, name="s"),
    ]  # fmt: skip
    return {
        "model": k.dense(1, "sigmoid"), "x": k.real(10, 4), "y": k.number(2, 10, 1), "fit": {"sample_weight": k.share(10)},
        "compile": {"loss": "binary_crossentropy", "metrics": found},
    }  # fmt: skip


# models ----------------------------------------------------------------------------------------------------------
def _two_outputs(k):
    la = k.layers
    x = la.Input((4,), name="x")
    h = la.Dense(5, activation="relu", kernel_regularizer="l2", name="h")(x)
    b = la.Dense(3, activation="softmax", name="b", activity_regularizer="l1")(h)
    return k.models.Model(x, [la.Dense(2, name="a")(h), b])


@case
def two_outputs(k):
    options = {"loss_weights": [0.3, 2.0], "metrics": {"a": "mae", "b": ["acc"]}}
    return {
        "model": _two_outputs(k), "x": k.real(10, 4), "y": [k.real(10, 2), k.one_hot(3, 10)],
        "compile": dict(options, loss=["mse", "categorical_crossentropy"]),
    }  # fmt: skip


@case
def two_outputs_by_name(k):
    fit = {"sample_weight": {"a": k.share(10), "b": k.share(10)}, "validation_split": 0.3}
    losses = {"a": "mae", "b": "categorical_crossentropy"}
    return {
        "model": _two_outputs(k), "x": k.real(10, 4), "y": {"a": k.real(10, 2), "b": k.one_hot(3, 10)}, "fit": fit,
        "compile": {"loss": losses, "loss_weights": {"b": 0.5, "a": 1.0}, "metrics": ["mse"]},
    }  # fmt: skip


@case
def a_layer_used_twice(k):
    la = k.layers
    first, second = la.Input((4,)), la.Input((4,))
    dense = la.Dense(3, activation="tanh", kernel_regularizer="l2", activity_regularizer="l2")
    joined = la.concatenate([la.BatchNormalization()(dense(first)), dense(second)])
    return {
        "model": k.models.Model([first, second], la.Dense(2)(joined)), "x": [k.real(10, 4), k.real(10, 4)],
        "y": k.real(10, 2), "optimizer": k.optimizers.RMSprop(0.01), "compile": {"loss": "mse"},
    }  # fmt: skip


@case
def a_model_within(k):
    la = k.layers
    inner = k.chain(
        la.Dense(4, activation="tanh", input_shape=(4,), kernel_regularizer="l1"),
        la.Dense(3, activity_regularizer="l2"),
    )
    return {
        "model": k.chain(inner, la.Dense(2)), "x": k.real(10, 4), "y": k.real(10, 2),
        "optimizer": k.optimizers.Adadelta(), "compile": {"loss": "mse"},
    }  # fmt: skip


@case
def frozen_normalization(k):
    la = k.layers
    model = k.chain(la.Dense(4, input_shape=(4,)), la.BatchNormalization(), la.Dense(1))
    model.layers[1].trainable = False
    return {"model": model, "x": k.real(10, 4), "y": k.real(10, 1), "compile": {"loss": "mse"}}


@case
def constraints(k):
    la = k.layers
    model = k.chain(
        la.Dense(5, kernel_constraint="max_norm", bias_constraint="non_neg", input_shape=(4,)),
        la.Dense(2, kernel_constraint="unit_norm"),
    )
    return {
        "model": model, "x": k.real(10, 4), "y": k.real(10, 2), "optimizer": k.optimizers.SGD(1.0),
        "compile": {"loss": "mse"},
    }  # fmt: skip


@case
def penalties_of_wrapped_layers(k):
    la = k.layers
    recurrent = la.GRU(3, return_sequences=True, activity_regularizer="l2", kernel_regularizer="l1")
    model = k.chain(
        la.Bidirectional(recurrent, input_shape=(5, 3)),
        la.TimeDistributed(la.Dense(2, activity_regularizer="l1", bias_regularizer="l2")),
    )
    return {"model": model, "x": k.real(10, 5, 3), "y": k.real(10, 5, 2), "compile": {"loss": "mse"}}


@case
def images(k):
    la = k.layers
    model = k.chain(
        la.Conv2D(3, 3, padding="same", activation="relu", input_shape=(6, 6, 1)),
        la.MaxPooling2D(),
        la.DepthwiseConv2D(2),
        la.Flatten(),
        la.Dense(2, activation="softmax"),
    )
    return {
        "model": model, "x": k.real(10, 6, 6, 1), "y": k.one_hot(2, 10),
        "compile": {"loss": "categorical_crossentropy", "metrics": ["acc"]},
    }  # fmt: skip


# rows in the order of a seed --------------------------------------------------------------------------------------
def _shuffled(name, how):
    def made(k):
        return {
            "model": k.dense(2, "tanh"), "x": k.real(11, 4), "y": k.real(11, 2), "compile": {"loss": "mse"},
            "fit": {"shuffle": how, "epochs": 3, "validation_split": 0.2},
        }  # fmt: skip

    CASES[name] = made


_shuffled("rows_shuffled", True)
_shuffled("batches_shuffled", "batch")


# clipping of what is looked up -------------------------------------------------------------------------------------
def _clipped(name, optimizer, table=None, **clipping):
    def made(k):
        la = k.layers
        first, second = la.Input((4,)), la.Input((4,))
        embedding = la.Embedding(6, 3, **(table or {}))
        joined = la.concatenate([embedding(first), embedding(second)])
        return {
            "model": k.models.Model([first, second], la.Dense(2)(la.Flatten()(joined))),
            "x": [k.number(6, 10, 4), k.number(6, 10, 4)], "y": k.real(10, 2),
            "optimizer": getattr(k.optimizers, optimizer)(lr=0.05, **clipping), "compile": {"loss": "mse"},
        }  # fmt: skip

    CASES["look_ups_" + name] = made


_clipped("by_value", "SGD", clipvalue=0.02)
_clipped("by_both", "RMSprop", clipvalue=0.02, clipnorm=0.3)
_clipped("by_norm", "Adagrad", clipnorm=0.1)
_clipped("of_a_penalized_table", "RMSprop", {"embeddings_regularizer": "l2"}, clipvalue=0.02)
_clipped("of_a_table_in_bounds", "Adagrad", {"embeddings_constraint": "max_norm"}, clipvalue=0.02)
