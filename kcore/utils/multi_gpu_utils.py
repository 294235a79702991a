"""`multi_gpu_model`: the same weights applied to parts of each batch."""

from .. import backend as K
from ..errors import ArgumentError
from ..kernel.context import devices as known_devices
from ..layers.core import Lambda
from ..layers.merge import concatenate
from ..models import Model


def multi_gpu_model(model, gpus=None, cpu_merge=True, cpu_relocation=False):
    """A model with the weights of `model` that gives each of several GPUs a part of the batch and joins the parts.

    gpus: how many, or a list of their numbers; all that there are by default. `cpu_merge` and `cpu_relocation` are
    there for Keras's callers: where parts are joined is the engine's business. What the original gives for the
    whole batch this gives too, layers that look at whole batches (BatchNormalization while training) excepted.
    Raises ArgumentError (a ValueError) if there are fewer GPUs than that, or fewer than two are asked for.
    """
    present = [name for name in known_devices() if name.startswith("gpu")]
    wanted = range(len(present)) if gpus is None else gpus if isinstance(gpus, (list, tuple)) else range(gpus)
    if len(wanted) < 2:
        raise ArgumentError(
            f"multi_gpu_model spreads a model over two GPUs or more; gpus={gpus!r}, and there are {len(present)}."
        )
    missing = [i for i in wanted if f"gpu:{i}" not in present]
    if missing:
        raise ArgumentError(
            f"multi_gpu_model: gpu:{missing[0]} was asked for; the engine has {', '.join(known_devices())}."
        )
    count = len(wanted)
    outputs = [model([_part(i, count)(x) for x in model.inputs]) for i in range(count)]
    listed = [o if isinstance(o, list) else [o] for o in outputs]
    joined = [
        concatenate(list(parts), axis=0, name=name)
        for parts, name in zip(zip(*listed, strict=True), model.output_names, strict=True)
    ]
    return Model(model.inputs, joined)


def _part(index, count):
    """A layer that gives part `index` of `count` of a batch; the last has what is left over."""

    def take(x):
        size = K.shape(x)[0] // count
        return x[index * size :] if index == count - 1 else x[index * size : (index + 1) * size]

    return Lambda(take, output_shape=lambda shape: (None, *shape[1:]))
