"""The Keras 2 backend API: `from kcore import backend as K`.

Every function works on symbolic tensors (and extends their graph) and on arrays (and computes at once), on
every engine. Operations beyond Keras 2's are here too, under their own names.
"""

from inspect import ismodule as _is_module

from . import common as _common  # keras.backend.common; its functions are in K itself

# modules that declare operations; `function` lets them run on arrays
from . import (
    comparison,
    control,
    convolution,
    elementwise,
    gru,
    image,
    indexing,
    linalg,
    lstm,
    nn,
    normalization,
    pooling,
    random_ops,
    recurrent_layers,
    reductions,
    shaping,
    updates,
)
from . import function as _function
from .control import repeat_while
from .cross_entropies import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
from .ctc import ctc_batch_cost, ctc_decode, ctc_label_dense_to_sparse
from .declare import declared as _declared
from .differentiate import grad, value_and_grad
from .keras_face import (
    arange,
    backend,
    batch_flatten,
    cast,
    expand_dims,
    flatten,
    identity,
    normalize_data_format,
    ones_like,
    permute_dimensions,
    pow,
    print_tensor,
    repeat,
    repeat_elements,
    shape,
    size,
    slice,
    sqrt,
    stack,
    transpose,
    zeros_like,
)
from .phases import (
    LEARNING_PHASE,
    function,
    gradients,
    in_test_phase,
    in_train_phase,
    learning_phase,
    moving_average_update,
    set_learning_phase,
    stop_gradient,
    switch,
    update,
    update_add,
    update_sub,
)
from .random_face import (
    dropout,
    random_binomial,
    random_normal,
    random_normal_variable,
    random_uniform,
    random_uniform_variable,
    truncated_normal,
)
from .random_state import set_seed
from .recurrent import foldl, foldr, map_fn, rnn
from .settings import (
    control_dependencies,
    eager,
    epsilon,
    floatx,
    get_session,
    image_data_format,
    manual_variable_initialization,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    set_session,
    symbolic,
)
from .sparse import concatenate, dot, is_sparse, to_dense
from .values import (
    batch_get_value,
    batch_set_value,
    cast_to_floatx,
    clear_session,
    constant,
    count_params,
    dtype,
    eval,
    eye,
    get_uid,
    get_value,
    int_shape,
    is_keras_tensor,
    is_placeholder,
    is_tensor,
    is_variable,
    name_scope,
    ndim,
    ones,
    placeholder,
    reset_uids,
    set_value,
    variable,
    zeros,
)
from .variables import Variable

_faces = set(globals())
# every other declared operation is a function of K under its own name
globals().update({op.name: op for op in _declared() if op.name not in _faces})
# what K shows; the modules that it is made of are no part of it
__all__ = sorted(n for n, v in globals().items() if not n.startswith("_") and not _is_module(v))


def __dir__() -> list[str]:
    return list(__all__)
