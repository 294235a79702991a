"""Learns to read handwritten digits, in seconds, on whichever engine is chosen.

python examples/digits_cnn.py
python examples/digits_cnn.py --backend numpy --epochs 20 --seed 1
"""

import argparse
import contextlib

import kcore
from kcore.datasets import digits
from kcore.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from kcore.models import Sequential

INK = " .:-=+*#%@"


def build_model():
    """Images (batch, 8, 8, 1) to probabilities (batch, 10)."""
    model = Sequential(
        [
            Conv2D(32, 3, padding="same", activation="relu", input_shape=(8, 8, 1)),
            Conv2D(32, 3, padding="same", activation="relu"),
            MaxPooling2D(2),
            Dropout(0.25),
            Flatten(),
            Dense(64, activation="relu"),
            Dropout(0.25),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def load_images():
    """The digits with pixels from 0 to 1 and a channel axis: (images, 8, 8, 1)."""
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    as_input = [(x[..., None] / 16).astype("float32") for x in (x_train, x_test)]
    return (as_input[0], y_train), (as_input[1], y_test)


def draw(image):
    """An image (8, 8, 1), values 0 to 1, as eight lines of text."""
    shades = (image[..., 0] * (len(INK) - 1)).round().astype(int)
    return ["".join(2 * INK[shade] for shade in row) for row in shades]


def show_predictions(model, images, labels, count=4):
    """Prints the first images side by side, with what the model reads in each."""
    probabilities = model.predict(images[:count])
    for lines in zip(*(draw(image) for image in images[:count])):
        print("   ".join(lines))
    captions = (
        f"reads {p.argmax()} ({100 * p.max():.0f} %)" + ("" if p.argmax() == label else f", is {label}")
        for p, label in zip(probabilities, labels)
    )
    print("   ".join(caption.ljust(16) for caption in captions))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", help="engine to run on, such as numpy (default: the configured one)")
    parser.add_argument("--epochs", type=int, default=15, help="passes over the 1,437 images (default: 15)")
    parser.add_argument("--seed", type=int, default=0, help="for weights, order and dropout (default: 0)")
    options = parser.parse_args()

    engine = kcore.use_backend(options.backend) if options.backend else contextlib.nullcontext()
    with engine:
        kcore.set_seed(options.seed)
        (x_train, y_train), (x_test, y_test) = load_images()
        model = build_model()
        model.summary()
        model.fit(x_train, y_train, batch_size=32, epochs=options.epochs, validation_data=(x_test, y_test))
        _, accuracy = model.evaluate(x_test, y_test, verbose=0)
        print()
        show_predictions(model, x_test, y_test)
        print(f"\ntest accuracy: {100 * accuracy:.1f} %")


if __name__ == "__main__":
    main()
