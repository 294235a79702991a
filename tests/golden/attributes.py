"""What layers and models say of themselves: names, shapes, masks, counts of losses and updates, frozen or not. The
original's answers are in `attributes.json`; both are asked the same way.

`layers_of(samples)` and `MODELS` map a name to a function of a package's modules (layers, models, backend) that gives
plain data.
"""

import random

# mistakes in set_weights, by what is given instead of the weights
MISTAKES = {
    "few": lambda ws: ws[:-1],
    "many": lambda ws: [*ws, ws[0]],
    "other": lambda ws: [w[..., None] for w in ws],
}


def listed(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def names(weights):
    return [w.name for w in weights]


def sizes(shape):
    if isinstance(shape, list):
        return [sizes(s) for s in shape]
    return None if shape is None else [None if d is None else int(d) for d in shape]


def asked(question):
    """The answer, or the built-in class of the error."""
    try:
        return question()
    except Exception as error:
        return next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")


def counts(layer, *inputs):
    """Numbers of losses and updates: all, those that hang on no input, those of each input."""
    found = [len(layer.losses), len(layer.updates)]
    for x in (None, *inputs):
        found += [len(layer.get_losses_for(x)), len(layer.get_updates_for(x))]
    return found


def weights_of(layer):
    return [names(layer.weights), len(layer.trainable_weights), len(layer.non_trainable_weights)]


def built(modules, value):
    """A layer told by {'class_name', 'config'}, and layers within."""
    if isinstance(value, dict) and "class_name" in value:
        made = {k: built(modules, v) for k, v in value["config"].items()}
        return getattr(modules["layers"], value["class_name"])(**made)
    return [built(modules, v) for v in value] if isinstance(value, list) else value


def layer_told(modules, sample):
    make = modules["layers"].Input
    config = {k: built(modules, v) for k, v in sample["config"].items()}
    layer = getattr(modules["layers"], sample["class_name"])(**config)
    kind = "int32" if sample["integers"] else None
    calls = []
    for _ in range(2):
        inputs = [make(batch_shape=(None, *s), dtype=kind) for s in sample["shapes"]]
        calls.append(inputs if len(inputs) > 1 else inputs[0])
    told = {"before": [layer.built, asked(lambda: layer.get_output_at(0)), hasattr(layer, "output_shape")]}
    outputs = listed(layer(calls[0]))
    told["name"], told["stateful"] = layer.name, layer.stateful
    told["weights"] = [*weights_of(layer), layer.count_params()]
    told["shapes"] = [sizes(layer.input_shape), sizes(layer.output_shape)]
    told["masks"] = [[m is not None for m in listed(m)] for m in (layer.input_mask, layer.output_mask)]
    told["found"] = [
        layer.get_output_at(0) is outputs[0] or len(outputs) > 1,
        asked(lambda: layer.get_output_at(1)),
    ]
    given = layer.get_weights()
    told["mistakes"] = [asked(lambda m=m: layer.set_weights(m(given))) for m in MISTAKES.values() if given]
    told["counts"] = counts(layer, calls[0])
    layer(calls[1])
    told["twice"] = [sizes(layer.output_shape), asked(lambda: bool(layer.output)), *counts(layer, *calls)]
    layer.trainable = False
    told["frozen"] = [*weights_of(layer), *counts(layer, calls[0])]
    layer.trainable = True
    told["again"] = weights_of(layer)
    return told


def model_told(modules, model):
    lines = []
    model.summary(print_fn=lines.append, line_length=80)
    told = {"summary": lines, "name": model.name, "weights": weights_of(model)}
    told["outputs"] = [
        model.input_names,
        model.output_names,
        sizes(model.input_shape),
        sizes(model.output_shape),
    ]
    told["counts"] = [len(model.losses), len(model.updates), len(model.state_updates), model.stateful]
    told["sizes"] = [model.count_params(), [list(w.shape) for w in model.get_weights()]]
    told["mistakes"] = [
        asked(lambda: model.get_layer("none of that name")),
        asked(lambda: model.get_layer(index=99)),
        asked(model.get_layer),
    ]
    told["one frozen"] = []
    for layer in model.layers:
        layer.trainable = False
        told["one frozen"].append([*weights_of(model), len(model.updates), len(model.losses)])
        layer.trainable = True
    model.trainable = False
    told["frozen"] = [*weights_of(model), len(model.updates), len(model.losses)]
    model.trainable = True
    told["config"] = without_defaults(model.get_config())
    return told


def without_defaults(config):
    """A config in the plain types of JSON, without what a Dense or an LSTM says a hundred times."""
    if isinstance(config, dict):
        left_out = ("_initializer", "_constraint", "dtype", "implementation", "use_bias")
        return {k: without_defaults(v) for k, v in config.items() if not k.endswith(left_out)}
    if isinstance(config, (list, tuple)):
        return [without_defaults(v) for v in config]
    return round(config, 6) if isinstance(config, float) else config


class Chooser:
    """Draws a model of steps that keep (6, 4), with layers and models used twice, within one another, and penalties."""

    def __init__(self, modules, seed):
        self.layers, self.models = modules["layers"], modules["models"]
        self.draw = random.Random(seed)
        self.shared = []

    def name(self, prefix):
        return f"{prefix}_{self.draw.randint(0, 10**6)}" if self.draw.random() < 0.3 else None

    def penalty(self):
        return self.draw.choice([None, "l1", "l2"])

    def step(self, x, depth):
        kinds = "timed dense conv norm timed_norm line both both_sum drop act stack prelu shared inner chain".split()
        kind = self.draw.choice(kinds[: -2 if depth > 1 else None])
        return getattr(self, f"_{kind}")(x, depth)

    def _timed(self, x, depth):
        inner = self.layers.Dense(4, kernel_regularizer=self.penalty(), activity_regularizer=self.penalty())
        return self.layers.TimeDistributed(inner, name=self.name("timed"))(x)

    def _dense(self, x, depth):
        return self.layers.Dense(4, kernel_regularizer=self.penalty(), name=self.name("dense"))(x)

    def _conv(self, x, depth):
        return self.layers.Conv1D(
            4, 3, padding="same", bias_regularizer=self.penalty(), name=self.name("conv")
        )(x)

    def _norm(self, x, depth):
        return self.layers.BatchNormalization(name=self.name("norm"))(x)

    def _timed_norm(self, x, depth):
        return self.layers.TimeDistributed(self.layers.BatchNormalization(name=self.name("norm")))(x)

    def _line(self, x, depth):
        kind = getattr(self.layers, self.draw.choice(["LSTM", "GRU", "SimpleRNN"]))
        return kind(4, return_sequences=True, recurrent_regularizer=self.penalty(), name=self.name("line"))(x)

    def _both(self, x, depth):
        return self.layers.Bidirectional(self.layers.LSTM(2, return_sequences=True), name=self.name("both"))(
            x
        )

    def _both_sum(self, x, depth):
        inner = self.layers.GRU(4, return_sequences=True, kernel_regularizer=self.penalty())
        return self.layers.Bidirectional(inner, merge_mode="sum")(x)

    def _drop(self, x, depth):
        return self.layers.Dropout(0.3, name=self.name("drop"))(x)

    def _act(self, x, depth):
        return self.layers.ActivityRegularization(l1=0.1)(self.layers.Activation("tanh")(x))

    def _stack(self, x, depth):
        cells = [self.layers.LSTMCell(3), self.layers.GRUCell(4, kernel_regularizer=self.penalty())]
        return self.layers.RNN(cells, return_sequences=True)(x)

    def _prelu(self, x, depth):
        return self.layers.PReLU(shared_axes=[1], alpha_regularizer=self.penalty())(x)

    def _shared(self, x, depth):
        if not self.shared or self.draw.random() < 0.3:
            kinds = [
                self.layers.Dense(4),
                self.layers.BatchNormalization(),
                self.layers.Conv1D(4, 2, padding="causal"),
            ]
            self.shared.append(self.draw.choice(kinds))
        return self.draw.choice(self.shared)(x)

    def _inner(self, x, depth):
        model = self.model(depth + 1)
        return listed(model([x] * len(model.inputs) if len(model.inputs) > 1 else x))[-1]

    def _chain(self, x, depth):
        first = self.layers.Dense(4, input_shape=(6, 4), kernel_regularizer=self.penalty())
        model = self.models.Sequential([first, self.layers.BatchNormalization()], name=self.name("chain"))
        self.shared.append(model)
        return model(x)

    def model(self, depth=0):
        inputs = [self.layers.Input((6, 4), name=self.name("in")) for _ in range(self.draw.choice([1, 1, 2]))]
        x = self.layers.add(inputs) if len(inputs) > 1 else inputs[0]
        tensors = [x]
        for _ in range(self.draw.randint(2, 5)):
            x = self.step(x, depth)
            if self.draw.random() < 0.3:
                x = self.layers.add([x, self.draw.choice(tensors)], name=self.name("sum"))
            tensors.append(x)
        outputs = [self.layers.Dense(4, name=self.name("out"))(x)]
        if self.draw.random() < 0.4:
            outputs.append(self.layers.Dense(2)(tensors[-2]))
        return self.models.Model(
            inputs if len(inputs) > 1 else inputs[0],
            outputs if len(outputs) > 1 else outputs[0],
            name=self.name("m"),
        )


MODELS = {
    f"model {i}": lambda modules, i=i: model_told(modules, Chooser(modules, i).model()) for i in range(24)
}
