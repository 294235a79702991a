"""The examples with a memory, on less data than they take by themselves: they learn what they are there for."""

import importlib.util
from pathlib import Path

import numpy as np

from kcore.kernel.context import current_engine_name

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answers(sentences, question):
    """Where somebody or something is, by reading the sentences one after the other."""
    program = example("memory_network")
    at, carried, lying = {}, {}, {}
    for sentence in sentences:
        words = sentence.split()
        person, thing = words[0], words[-1]
        if any(f" {verb} " in f"{sentence} " for verb in program.GOES):
            at[person] = words[-1]
        elif any(f" {verb} " in f"{sentence} " for verb in program.TAKES):
            carried[thing] = person
        else:
            lying[thing] = at[carried.pop(thing)]
    wanted = question.split()[-1]
    return at[carried[wanted]] if wanted in carried else lying[wanted] if wanted in lying else at[wanted]


def test_the_stories_are_told_truly():
    program, rng = example("memory_network"), np.random.default_rng(0)
    for facts in (1, 2):
        for _ in range(300):
            sentences, question, answer = program.story(rng, facts, 10)
            assert 2 * facts <= len(sentences) <= 10
            assert answers(sentences, question) == answer
    x, y = program.make_data(rng, 5, 1, 10, program.vocabulary())
    assert x[0].shape == (5, 10, 6) and x[1].shape == (5, 6) and y.shape == (5,)


def test_the_memory_network_answers(capsys):
    accuracy = example("memory_network").main(["--stories", "2000", "--epochs", "8", "--verbose", "0"])
    assert accuracy >= 0.95
    assert "where is" in capsys.readouterr().out


def test_the_copy_task():
    inputs, targets, weights = example("neural_turing_machine_copy").task(np.random.default_rng(0), 2, 3, 4)
    assert inputs.shape == (2, 7, 5) and targets.shape == (2, 7, 4)
    np.testing.assert_array_equal(inputs[:, :3, :4], targets[:, 4:])
    assert inputs[:, 3, 4].all() and inputs[:, :, 4].sum() == 2 and not inputs[:, 4:].any()
    assert weights.sum(1).tolist() == [3, 3]


def test_the_turing_machine_copies_sequences_longer_than_it_has_met():
    program = example("neural_turing_machine_copy")
    if current_engine_name() != "numpy":  # on other engines that it trains: what it learns is the same
        found = program.main(
            ["--steps", "60", "--trained", "2", "--tested", "2", "--bits", "3", "--slots", "8"]
        )
        assert found[2][0] > 0.55
        return
    found = program.main(["--steps", "1000", "--tested", "8", "10"])
    assert found[8][0] > 0.99 and found[10][0] > 0.97
