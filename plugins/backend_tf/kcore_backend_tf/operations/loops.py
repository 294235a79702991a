"""Loops and branches over traced bodies, and CTC's decoders."""

import tensorflow as tf

from kcore.extending import operation


class Body:
    """A loop's body as a function of tensors that knows the shapes and types of its results."""

    def __init__(self, run, specs):
        self.run = run
        self.specs = specs

    def __call__(self, *values):
        return self.run(*values)


def _common(initial, spec):
    """The shape that a state keeps from step to step."""
    return tf.TensorShape(
        [a if a == b else None for a, b in zip(initial.shape, spec.shape)]
        if initial.shape.rank is not None
        else spec.shape
    )


def _reader(sequence):
    """Step -> its row of `sequence`, from a list of all: a gradient that TensorFlow makes of it costs a row per step."""
    rows = tf.TensorArray(
        sequence.dtype, size=tf.shape(sequence)[0], element_shape=sequence.shape[1:], clear_after_read=False
    )
    return rows.unstack(sequence).read


def _lookup(sequence):
    """Step -> its row of `sequence`, looked up in it, which TensorFlow is not asked to differentiate."""
    return lambda at: tf.raw_ops.GatherV2(params=sequence, indices=at, axis=0)


def scan(sequences, initial, captured, body, reverse=False, by_rows=False):
    """`by_rows` is set in programs for CPUs, see `loop_inputs`."""
    count = len(initial)
    length = tf.shape(sequences[0])[0]
    shapes = [_common(s, spec) for s, spec in zip(initial, body.specs)]
    rows = [_lookup(s) if by_rows else _reader(s) for s in sequences]
    made = [
        tf.TensorArray(spec.dtype, size=length, element_shape=tf.TensorShape(spec.shape))
        for spec in body.specs[count:]
    ]

    def step(i, states, outputs):
        at = length - 1 - i if reverse else i
        result = body(*states, *[row(at) for row in rows], *captured)
        for state, shape in zip(result[:count], shapes):
            state.set_shape(shape)
        return i + 1, list(result[:count]), [o.write(at, v) for o, v in zip(outputs, result[count:])]

    _, states, outputs = tf.while_loop(
        lambda i, *_: i < length,
        step,
        (tf.constant(0), list(initial), made),
        shape_invariants=(tf.TensorShape(()), shapes, [tf.TensorShape(None)] * len(made)),
        maximum_iterations=None if by_rows else length,  # needed for XLA and for gradients by TensorFlow only
    )
    stacked = [o.stack() for o in outputs]
    for tensor in stacked:
        tensor.set_shape([sequences[0].shape[0], *tensor.shape[1:]])
    return [*states, *stacked]


def while_loop(initial, captured, condition, body):
    shapes = [_common(s, spec) for s, spec in zip(initial, body.specs)]

    def step(*states):
        result = list(body(*states, *captured))
        for state, shape in zip(result, shapes):
            state.set_shape(shape)
        return result

    test = lambda *states: tf.reshape(condition(*states, *captured)[0], ())
    return list(tf.while_loop(test, step, list(initial), shape_invariants=shapes))


def cond(predicate, captured, body, otherwise):
    result = tf.cond(
        tf.reshape(predicate, ()), lambda: list(body(*captured)), lambda: list(otherwise(*captured))
    )
    return list(result) if isinstance(result, (list, tuple)) else [result]


def _dense(paths):
    return [tf.sparse.to_dense(p, default_value=-1) for p in paths]


def ctc_greedy(scores, input_length):
    lengths = tf.cast(tf.reshape(input_length, [-1]), tf.int32)
    paths, cost = tf.nn.ctc_greedy_decoder(tf.transpose(scores, [1, 0, 2]), lengths)
    return [*_dense(paths), cost]


def ctc_beam(scores, input_length, beam_width=100, top_paths=1, merge_repeated=False):
    """The declared meaning, in NumPy: TensorFlow's own search, also on the CPU only, rounds to float32."""
    search = operation("ctc_beam").meaning

    def run(scores, lengths):
        return search(scores, lengths, beam_width, top_paths, merge_repeated)

    found = tf.numpy_function(run, [scores, input_length], [tf.int64] * top_paths + [scores.dtype])
    for path in found[:-1]:
        path.set_shape([scores.shape[0], None])
    found[-1].set_shape([scores.shape[0], top_paths])
    return list(found)


PRIMITIVES = {
    "scan": scan, "while_loop": while_loop, "cond": cond, "ctc_greedy": ctc_greedy, "ctc_beam": ctc_beam
}  # fmt: skip
