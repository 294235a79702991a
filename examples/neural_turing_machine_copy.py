"""A Neural Turing Machine learns to copy, and copies sequences longer than those it was trained on.

python examples/neural_turing_machine_copy.py
python examples/neural_turing_machine_copy.py --steps 200 --trained 4 --tested 5 6

Graves, Wayne and Danihelka 2014 (arXiv:1410.5401), section 4.1: vectors of random bits go in one by one, then a sign
that the sequence is over, then nothing; out must come the same vectors in the same order. What the network learns is
a program, write and move on, go back, read and move on, so it works for lengths that it has never met.
Needs kcore-layers-extra.
"""

import argparse
import contextlib
import time

import numpy as np

import kcore
from kcore.layers import RNN, Dense, Input, NTMCell, TimeDistributed
from kcore.models import Model
from kcore.optimizers import Adam


def task(rng, batch, length, bits):
    """Inputs (batch, 2 * length + 1, bits + 1), targets (batch, 2 * length + 1, bits), weights (batch, time).

    The last input channel is the sign; only the second half of the outputs counts.
    """
    sequence = rng.integers(0, 2, (batch, length, bits)).astype("float32")
    time_steps = 2 * length + 1
    inputs = np.zeros((batch, time_steps, bits + 1), "float32")
    inputs[:, :length, :bits] = sequence
    inputs[:, length, bits] = 1
    targets = np.zeros((batch, time_steps, bits), "float32")
    targets[:, length + 1 :] = sequence
    weights = np.zeros((batch, time_steps), "float32")
    weights[:, length + 1 :] = 1
    return inputs, targets, weights


def build_model(bits, units, slots, width, rate):
    """(batch, time, bits + 1) -> (batch, time, bits): the probability that each bit is set."""
    inputs = Input((None, bits + 1))
    x = RNN(NTMCell(units, slots, width), return_sequences=True, name="machine")(inputs)
    outputs = TimeDistributed(Dense(bits, activation="sigmoid"), name="bits")(x)
    model = Model(inputs, outputs)
    model.compile(Adam(rate, clipnorm=5.0), "binary_crossentropy", sample_weight_mode="temporal")
    return model


def train(model, rng, steps, longest, batch, bits, report=250):
    """`steps` batches, each of one length between 1 and `longest`; longer ones join when shorter ones are known."""
    reach, recent, started = min(2, longest), [], time.perf_counter()
    for step in range(1, steps + 1):
        length = int(rng.integers(1, reach + 1))
        inputs, targets, weights = task(rng, batch, length, bits)
        recent.append(model.train_on_batch(inputs, targets, sample_weight=weights))
        if len(recent) >= 40 and np.mean(recent[-40:]) < 0.1 and reach < longest:
            reach, recent = reach + 1, []
        if step % report == 0:
            seconds = time.perf_counter() - started
            print(
                f"step {step:5}: lengths to {reach}, loss {np.mean(recent[-100:]):.4f}, {seconds:.0f} s",
                flush=True,
            )


def accuracy(model, rng, length, bits, sequences=32):
    """The share of bits and of whole sequences copied without fault, at one length."""
    inputs, targets, _ = task(rng, sequences, length, bits)
    right = (model.predict(inputs, batch_size=sequences) > 0.5) == (targets > 0.5)
    right = right[:, length + 1 :]
    return right.mean(), right.all(axis=(1, 2)).mean()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", help="engine to run on (default: the configured one)")
    parser.add_argument("--steps", type=int, default=3000, help="batches of training (default: 3000)")
    parser.add_argument("--trained", type=int, default=8, help="the longest sequence trained on (default: 8)")
    parser.add_argument("--tested", type=int, nargs="+", default=[8, 12, 16, 24], help="lengths to test")
    parser.add_argument("--bits", type=int, default=5, help="bits of each vector (default: 5)")
    parser.add_argument("--units", type=int, default=64, help="units of the controller (default: 64)")
    parser.add_argument("--slots", type=int, default=40, help="slots of the memory (default: 40)")
    parser.add_argument("--width", type=int, default=10, help="numbers in each slot (default: 10)")
    parser.add_argument("--batch", type=int, default=16, help="sequences in a batch (default: 16)")
    parser.add_argument("--rate", type=float, default=0.01, help="learning rate (default: 0.01)")
    parser.add_argument("--seed", type=int, default=0, help="for weights and data (default: 0)")
    options = parser.parse_args(arguments)

    engine = kcore.use_backend(options.backend) if options.backend else contextlib.nullcontext()
    with engine:
        kcore.set_seed(options.seed)
        rng = np.random.default_rng(options.seed)
        model = build_model(options.bits, options.units, options.slots, options.width, options.rate)
        train(model, rng, options.steps, options.trained, options.batch, options.bits)
        found = {}
        for length in options.tested:
            bits, whole = found[length] = accuracy(model, rng, length, options.bits)
            new = "" if length <= options.trained else " (longer than any trained on)"
            print(f"length {length:3}: {100 * bits:5.1f} % of bits, {100 * whole:5.1f} % of sequences{new}")
    return found


if __name__ == "__main__":
    main()
