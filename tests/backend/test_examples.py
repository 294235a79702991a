"""The examples do what they say, on the engine of KCORE_BACKEND, with little data."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(request, monkeypatch):
    """The module of one example, found as if it were run from its folder."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield importlib.import_module(request.param)
    for name in (request.param, "text_images"):
        sys.modules.pop(name, None)


def of(name):
    return pytest.mark.parametrize("example", [name], indirect=True)


def told(capsys, *words):
    said = capsys.readouterr().out
    for word in words:
        assert word in said


@of("saliency_maps")
def test_saliency_maps(example, capsys):
    found = example.main(small=True)
    # taking out a quarter of the ink hurts most where the map says so
    assert found["without the most salient"] < found["without the least salient"] - 0.1
    assert found["untouched"] > 0.3
    told(capsys, "its map", "for the right answer")


@of("deep_dream")
def test_deep_dream(example, capsys):
    start, picture, climbed = example.main(small=True)
    assert picture.shape == start.shape and np.abs(picture - start).mean() > 0.02
    assert 0.0 <= picture.min() and picture.max() <= 1.0
    assert all(octave[-1] > 1.2 * octave[0] for octave in climbed)
    told(capsys, "what the network dreams into it", "octave 2")


@of("neural_style")
def test_neural_style(example, capsys):
    painting, told_losses = example.main(small=True)
    first, last = told_losses[0], told_losses[-1]
    assert last.sum() < 0.5 * first.sum()  # content and style together
    assert last[0] < 0.5 * first[0] and last[1] < first[1]
    content, style = example.pictures(16)
    likeness = np.corrcoef(painting.ravel(), content.ravel())[0, 1]
    assert 0.5 < likeness < 0.999  # the ring is there, painted in another manner
    told(capsys, "painting", "step   0")


@of("variational_autoencoder")
def test_variational_autoencoder(example, capsys):
    history, drawn = example.main(small=True)
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert history["divergence"][-1] > 0.0
    assert drawn.shape == (6, 64) and drawn.std(0).max() > 0.005  # other codes, other images
    told(capsys, "from two numbers")


@of("gan")
def test_gan(example, capsys):
    before, after, losses, (generator, discriminator, combined) = example.main(small=True)
    assert after < 0.6 * before
    assert np.isfinite(losses).all() and losses[-1][0] < losses[0][0]
    held, moved = discriminator.get_weights(), generator.get_weights()
    noise = example.noise_for(8)
    combined.train_on_batch(noise, np.ones((8, 1)))
    for a, b in zip(held, discriminator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(moved, generator.get_weights(), strict=True))
    discriminator.train_on_batch(generator.predict(noise), np.zeros((8, 1)))
    assert any(not np.array_equal(a, b) for a, b in zip(held, discriminator.get_weights(), strict=True))
    told(capsys, "distance from real threes", "made")


@of("gradient_penalty")
def test_gradient_penalty(example, capsys):
    history, before, after, steepness = example.main(small=True)
    assert abs(history["steepness"][0] - 1) > 0.15  # the critic is not so by itself
    assert abs(history["steepness"][-1] - 1) < 0.15 and abs(steepness.mean() - 1) < 0.25
    assert abs(after.mean() - 1) < 0.6 * abs(before.mean() - 1)
    told(capsys, "radius of made points", "steepness of the critic")


@of("text_images")
def test_images_as_text(example, capsys):
    assert example.lines_of(np.eye(2)) == ["@@  ", "  @@"]
    assert example.lines_of(np.full((1, 3, 1), 7.0)) == ["      "]
    example.show([np.eye(2), np.zeros((2, 2))], ["one", "none"])
    told(capsys, "@@   |     \n", "one  | none\n")


def test_every_example_is_run_by_a_test_or_by_tox_on_this_engine():
    """Those with a `main` of arguments are commands of the engine's environment, on every engine that has one."""
    text = Path(__file__).read_text(encoding="utf-8")
    others = (EXAMPLES.parent / "plugins" / "layers_extra" / "tests" / "test_examples.py").read_text(
        encoding="utf-8"
    )
    commands = (EXAMPLES.parent / "tox.ini").read_text(encoding="utf-8")
    for example in sorted(p.stem for p in EXAMPLES.glob("*.py")):
        tested = f'@of("{example}")' in text or f'"{example}"' in others
        assert tested or commands.count(f"python examples/{example}.py") == 2, example
