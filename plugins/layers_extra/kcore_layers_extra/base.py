"""What the layers of the collection share."""

from kcore import backend as K
from kcore.layers import Layer
from kcore.spi import ArgumentError, ShapeError

# what is added to scores of places that a mask leaves out
AWAY = -1e9


class ExtraLayer(Layer):
    """A layer whose arguments, named in `settings`, are attributes and its config."""

    settings: tuple[str, ...] = ()

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.settings}}

    def need_positive(self, **sizes):
        """Raises ArgumentError unless each size is a whole number above 0."""
        for name, value in sizes.items():
            if not isinstance(value, int) or value < 1:
                raise ArgumentError(
                    f"{type(self).__name__}: {name}={value!r}; a whole number above 0 is needed."
                )

    def known(self, shape, *axes):
        """The sizes of `axes`. Raises ShapeError if one is not known."""
        if any(shape[a] is None for a in axes):
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}: inputs have shape {tuple(shape)}; axes {axes} must be known."
            )
        return [int(shape[a]) for a in axes]


def wide(*tensors):
    """The tensors, those of float16 and bfloat16 as float32: sums, squares and exponentials of them are done in that."""
    found = [K.cast(x, "float32") if K.dtype(x) in ("float16", "bfloat16") else x for x in tensors]
    return found if len(found) > 1 else found[0]


def counted(x):
    """(batch, time, ...) -> (batch, time): 0, 1, 2, ... along time, whatever the length."""
    ones = K.ones_like(K.sum(x, axis=tuple(range(2, K.ndim(x)))) if K.ndim(x) > 2 else x)
    return K.cumsum(ones, axis=1) - 1


def away(mask, like):
    """0 where `mask` is true, a large negative number elsewhere, in the type of `like`."""
    return (1 - K.cast(mask, K.dtype(like))) * AWAY


def masks_of(mask, count):
    """One mask (or None) for each of `count` inputs."""
    given = list(mask) if isinstance(mask, (list, tuple)) else [mask]
    return [*given, *[None] * (count - len(given))]
