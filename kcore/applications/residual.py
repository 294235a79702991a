"""ResNets of any depth, in both forms (He et al., 2015, arXiv:1512.03385; He et al., 2016, arXiv:1603.05027)."""

from ..layers import Activation, Add, MaxPooling2D, ZeroPadding2D
from .building import Asked, conv, normalized
from .weights import source

# blocks per stage; a block's convolutions have 64, 64, 256 filters in the first stage, and twice as many in each next
STAGES = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_EPSILON = 1.001e-5


def build(
    name, depth, block, before, include_top, weights, input_tensor, input_shape, pooling, classes, further, file=None
):  # fmt: skip
    """block(x, filters, name, first, strides): one block. before: whether normalisation comes before convolutions.

    file: what the weights of ImageNet are called, where not as the model.
    """
    asked = Asked(name, include_top, weights, input_tensor, input_shape, pooling, classes, further)
    image = asked.image()
    x = ZeroPadding2D(3, name="conv1_pad")(image)
    x = conv(x, 64, 7, "conv1_conv", 2, "valid", use_bias=True)
    if not before:
        x = _relu(_bn(x, "conv1_bn"), "conv1_relu")
    x = MaxPooling2D(3, strides=2, name="pool1_pool")(ZeroPadding2D(1, name="pool1_pad")(x))
    stages = STAGES[depth]
    for stage, blocks in enumerate(stages, 2):
        for i in range(1, blocks + 1):
            strides = _strides(before, stage, i, blocks, last_stage=len(stages) + 1)
            x = block(x, 2 ** (stage + 4), f"conv{stage}_block{i}", i == 1, strides)
    if before:
        x = _relu(_bn(x, "post_bn"), "post_relu")
    x = asked.classified(x, "probs", named=True)
    return asked.model(image, x, name.lower(), lambda: source(file or name.lower(), include_top))


def _strides(before, stage, i, blocks, last_stage):
    """Sizes are halved by the first block of a stage but the first, or by the last one of a stage but the last."""
    if before:
        return 2 if i == blocks and stage < last_stage else 1
    return 2 if i == 1 and stage > 2 else 1


def block_v1(x, filters, name, first, strides):
    """relu(shortcut + 1x1, 3x3, 1x1), each convolution normalised."""
    shortcut = x
    if first:
        shortcut = _bn(_conv(x, 4 * filters, f"{name}_0_conv", strides), f"{name}_0_bn")
    x = _relu(_bn(_conv(x, filters, f"{name}_1_conv", strides), f"{name}_1_bn"), f"{name}_1_relu")
    x = conv(x, filters, 3, f"{name}_2_conv", use_bias=True)
    x = _relu(_bn(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = _bn(_conv(x, 4 * filters, f"{name}_3_conv"), f"{name}_3_bn")
    return _relu(Add(name=f"{name}_add")([shortcut, x]), f"{name}_out")


def block_v2(x, filters, name, first, strides):
    """shortcut + 1x1, 3x3, 1x1 of what was normalised before; strides stand in the 3x3."""
    active = _relu(_bn(x, f"{name}_preact_bn"), f"{name}_preact_relu")
    if first:
        shortcut = _conv(active, 4 * filters, f"{name}_0_conv", strides)
    else:
        shortcut = MaxPooling2D(1, strides=strides)(x) if strides > 1 else x
    x = conv(active, filters, 1, f"{name}_1_conv", padding="valid")
    x = _relu(_bn(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = conv(x, filters, 3, f"{name}_2_conv", strides, "valid")
    x = _relu(_bn(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = _conv(x, 4 * filters, f"{name}_3_conv")
    return Add(name=f"{name}_out")([shortcut, x])


def _conv(x, filters, name, strides=1):
    return conv(x, filters, 1, name, strides, "valid", use_bias=True)


def _bn(x, name):
    return normalized(x, name, epsilon=_EPSILON)


def _relu(x, name):
    return Activation("relu", name=name)(x)
