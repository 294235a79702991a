"""VGG: stacks of 3 by 3 convolutions (Simonyan and Zisserman, 2014, arXiv:1409.1556, table 1, columns D and E)."""

from ..layers import Dense, Flatten, MaxPooling2D
from .building import Asked, conv
from .weights import source

# convolutions per block
BLOCKS = {"VGG16": (2, 2, 3, 3, 3), "VGG19": (2, 2, 4, 4, 4)}


def build(name, include_top, weights, input_tensor, input_shape, pooling, classes, further):
    asked = Asked(name, include_top, weights, input_tensor, input_shape, pooling, classes, further)
    x = image = asked.image()
    for block, (convolutions, filters) in enumerate(zip(BLOCKS[name], (64, 128, 256, 512, 512)), 1):
        for i in range(1, convolutions + 1):
            x = conv(x, filters, 3, f"block{block}_conv{i}", use_bias=True, activation="relu")
        x = MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    if include_top:
        x = Flatten(name="flatten")(x)
        x = Dense(4096, activation="relu", name="fc1")(x)
        x = Dense(4096, activation="relu", name="fc2")(x)
        x = Dense(classes, activation="softmax", name="predictions")(x)
    else:
        x = asked.pooled(x)
    return asked.model(image, x, name.lower(), lambda: source(name.lower(), include_top))
