"""Small helpers, by the path at which users of Keras 2 find them."""

import inspect
from collections.abc import Iterable

from .. import objects
from ..errors import ArgumentError, UnknownName, Unsupported
from ..objects import CustomObjectScope, custom_object_scope, get_custom_objects
from ..training.progress import Progbar

_CODE_IN_CONFIGS = (
    "code is not put into configs or files, nor run from them: define the function with a name and give it in "
    "custom_objects."
)


def serialize_keras_object(instance):
    """An object as {'class_name', 'config'}, a function as its name, None as None."""
    return objects.serialize(instance)


def deserialize_keras_object(
    identifier, module_objects=None, custom_objects=None, printable_module_name="object"
):
    """What `serialize_keras_object` described, looked up in custom_objects, the custom scope and `module_objects`.

    Raises UnknownName (a ValueError) for a name that is in none of them.
    """
    if callable(identifier):
        return identifier
    by_name = isinstance(identifier, str)
    if not by_name and not (isinstance(identifier, dict) and {"class_name", "config"} <= set(identifier)):
        raise ArgumentError(
            f"a {printable_module_name} is told by its name or by {{'class_name', 'config'}}; {identifier!r} was given."
        )
    name = identifier if by_name else identifier["class_name"]
    found = objects.custom(name, custom_objects) or (module_objects or {}).get(name)
    if found is None:
        raise UnknownName(f"{printable_module_name} {name!r} is not known; pass it in custom_objects.")
    if by_name:
        return found() if inspect.isclass(found) and module_objects and name in module_objects else found
    with CustomObjectScope(custom_objects or {}):
        config = dict(identifier["config"] or {})
        if not hasattr(found, "from_config"):
            return found(**config)
        if has_arg(found.from_config, "custom_objects"):
            return found.from_config(
                config, custom_objects={**get_custom_objects(), **(custom_objects or {})}
            )
        return found.from_config(config)


def func_dump(func):
    """Raises Unsupported: Keras 2 put a function's byte code into configs here."""
    raise Unsupported(f"func_dump: {_CODE_IN_CONFIGS}")


def func_load(code, defaults=None, closure=None, globs=None):
    """Raises Unsupported: Keras 2 made a function of byte code from a config here."""
    raise Unsupported(f"func_load: {_CODE_IN_CONFIGS}")


def getargspec(fn):
    """The arguments of a callable, as `inspect.getfullargspec` tells them."""
    return inspect.getfullargspec(fn)


def has_arg(fn, name, accept_all=False):
    """Whether `fn` can be given an argument `name` by keyword; with `accept_all` also by way of **kwargs."""
    parameters = inspect.signature(fn).parameters
    if name in parameters:
        return parameters[name].kind in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
        )  # fmt: skip
    return accept_all and any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def to_list(x, allow_tuple=False):
    """A list as it is, a tuple as a list where `allow_tuple`, anything else as a list of one."""
    if isinstance(x, list):
        return x
    return list(x) if allow_tuple and isinstance(x, tuple) else [x]


def unpack_singleton(x):
    """The one element of a list of one, else `x`."""
    return x[0] if isinstance(x, (list, tuple)) and len(x) == 1 else x


def object_list_uid(object_list):
    """A string that stands for these objects, by identity."""
    return ", ".join(str(abs(id(x))) for x in to_list(object_list))


def is_all_none(iterable_or_element):
    """True if there is nothing but None."""
    values = iterable_or_element if isinstance(iterable_or_element, (list, tuple)) else [iterable_or_element]
    return all(v is None for v in values)


def slice_arrays(arrays, start=None, stop=None):
    """Rows `start` to `stop` of one or several arrays; `start` may be a list of row numbers. None stays None."""
    if arrays is None:
        return [None]
    if isinstance(start, list) and stop is not None:
        raise ArgumentError("slice_arrays: row numbers and `stop` cannot both be given.")
    many = isinstance(arrays, list)
    if not many and start is None:
        return [None]
    rows = slice(start, stop)
    if isinstance(start, Iterable):
        rows = [int(i) for i in start]
    found = [None if a is None else a[rows] for a in (arrays if many else [arrays])]
    return found if many else found[0]


def transpose_shape(shape, target_format, spatial_axes):
    """A shape (batch, *spatial, channels), whose spatial axes are `spatial_axes`, in the order of `target_format`."""
    if target_format == "channels_last":
        return tuple(shape)
    if target_format != "channels_first":
        raise ArgumentError(
            f"data_format is 'channels_first' or 'channels_last'; {target_format!r} was given."
        )
    spatial = tuple(shape[a] for a in spatial_axes)
    rest = tuple(shape[i] for i in range(1, len(shape)) if i not in spatial_axes)
    return (shape[0], *rest, *spatial)


def check_for_unexpected_keys(name, input_dict, expected_values):
    """Raises ArgumentError naming the keys of `input_dict` that are not among `expected_values`."""
    unknown = set(input_dict) - set(expected_values)
    if unknown:
        raise ArgumentError(
            f"{name} has unknown keys {sorted(unknown)}; known are {sorted(expected_values)}."
        )
