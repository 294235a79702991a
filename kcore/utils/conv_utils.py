"""Arithmetic of convolutions: sizes of windows and lengths of outputs."""

import numpy as np

from ..errors import ArgumentError


def normalize_tuple(value, n, name):
    """`value`, one int or `n` of them, as a tuple of `n` ints. Raises ArgumentError for anything else."""
    values = (value,) * n if isinstance(value, (int, np.integer)) else value
    try:
        values = tuple(values)
    except TypeError:
        values = ()
    if len(values) != n or not all(isinstance(v, (int, np.integer)) for v in values):
        raise ArgumentError(f"{name} is an int or {n} ints; {value!r} was given.")
    return tuple(int(v) for v in values)


def normalize_padding(value):
    """'valid', 'same' or 'causal' in small letters. Raises ArgumentError for anything else."""
    padding = str(value).lower()
    if padding not in ("valid", "same", "causal"):
        raise ArgumentError(f"padding is 'valid', 'same' or 'causal'; {value!r} was given.")
    return padding


def convert_kernel(kernel):
    """A kernel (*window, in, out) of a convolution that flips its window, for one that does not, or back."""
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ArgumentError(f"a kernel has 3, 4 or 5 axes; one of shape {kernel.shape} was given.")
    return np.flip(kernel, axis=tuple(range(kernel.ndim - 2))).copy()


def conv_output_length(input_length, filter_size, padding, stride, dilation=1):
    """Length of what a convolution or pooling gives along one axis; None for an unknown length."""
    if input_length is None:
        return None
    window = filter_size + (filter_size - 1) * (dilation - 1)
    lengths = {
        "same": input_length, "causal": input_length, "valid": input_length - window + 1,
        "full": input_length + window - 1,
    }  # fmt: skip
    return -(-_by_padding(lengths, padding) // stride)


def conv_input_length(output_length, filter_size, padding, stride):
    """A length that gives `output_length` in `conv_output_length`; None for an unknown one."""
    if output_length is None:
        return None
    margin = _by_padding({"same": filter_size // 2, "valid": 0, "full": filter_size - 1}, padding)
    return (output_length - 1) * stride - 2 * margin + filter_size


def deconv_length(dim_size, stride_size, kernel_size, padding, output_padding, dilation=1):
    """Length of what a transposed convolution gives along one axis; None for an unknown length.

    `output_padding` None: the shortest length that a convolution would turn into `dim_size` by that padding.
    """
    if dim_size is None:
        return None
    window = kernel_size + (kernel_size - 1) * (dilation - 1)
    if output_padding is None:
        lengths = {
            "valid": dim_size * stride_size + max(window - stride_size, 0), "same": dim_size * stride_size,
            "full": dim_size * stride_size - (stride_size + window - 2),
        }  # fmt: skip
        return _by_padding(lengths, padding)
    margin = _by_padding({"same": window // 2, "valid": 0, "full": window - 1}, padding)
    return (dim_size - 1) * stride_size + window - 2 * margin + output_padding


def _by_padding(table, padding):
    if padding not in table:
        raise ArgumentError(f"padding={padding!r} is none of {', '.join(map(repr, table))}.")
    return table[padding]
