"""One optimizer step for one parameter, as operations that an engine may fuse.

Each takes the parameter, its gradient, the optimizer's slots and numbers (tensors, so that they can change without
a new graph), and gives the new parameter and the new slots. Formulas are Keras 2.3.1's, which for some differ from
the papers named below in where epsilon stands.
"""

from ..dtypes import Rule, at_least_float32
from .comparison import where
from .declare import Tensor, composite
from .elementwise import abs, maximum, sqrt, square

# all in the type of the first argument, but for 16 bits in float32: the squares of small gradients would be 0
_step = Rule(
    lambda dtypes, floatx: [at_least_float32(dtypes[0])] * len(dtypes), lambda dtypes, attributes: dtypes[0]
)


@composite(dtype=_step)
def scaled_to_norm(gradient: Tensor, norm: Tensor, limit: Tensor):
    """`gradient` times limit / norm where `norm`, the length of it and its like, reaches `limit`."""
    return where(norm >= limit, gradient * limit / maximum(norm, limit), gradient)


@composite(dtype=_step)
def sgd_update(
    param: Tensor, gradient: Tensor, moment: Tensor, rate: Tensor, momentum: Tensor, nesterov=False
):
    """v' = momentum v - rate g; param + v', or with Nesterov's look ahead param + momentum v' - rate g."""
    velocity = momentum * moment - rate * gradient
    if nesterov:
        return param + momentum * velocity - rate * gradient, velocity
    return param + velocity, velocity


@composite(dtype=_step)
def rmsprop_update(
    param: Tensor, gradient: Tensor, mean_square: Tensor, rate: Tensor, rho: Tensor, epsilon=1e-7
):
    """a' = rho a + (1 - rho) g^2; param - rate g / (sqrt(a') + epsilon). T. Tieleman and G. Hinton, 2012."""
    mean_square = rho * mean_square + (1.0 - rho) * square(gradient)
    return param - rate * gradient / (sqrt(mean_square) + epsilon), mean_square


@composite(dtype=_step)
def adagrad_update(param: Tensor, gradient: Tensor, total: Tensor, rate: Tensor, epsilon=1e-7):
    """a' = a + g^2; param - rate g / (sqrt(a') + epsilon). J. Duchi et al., 2011."""
    total = total + square(gradient)
    return param - rate * gradient / (sqrt(total) + epsilon), total


@composite(dtype=_step)
def adadelta_update(
    param: Tensor,
    gradient: Tensor,
    mean_square: Tensor,
    mean_step: Tensor,
    rate: Tensor,
    rho=0.95,
    epsilon=1e-7,
):
    """a' = rho a + (1 - rho) g^2; s = g sqrt(d + epsilon) / sqrt(a' + epsilon); param - rate s;
    d' = rho d + (1 - rho) s^2. M. Zeiler, 2012."""
    mean_square = rho * mean_square + (1.0 - rho) * square(gradient)
    step = gradient * sqrt(mean_step + epsilon) / sqrt(mean_square + epsilon)
    return param - rate * step, mean_square, rho * mean_step + (1.0 - rho) * square(step)


@composite(dtype=_step)
def adam_update(
    param: Tensor,
    gradient: Tensor,
    m: Tensor,
    v: Tensor,
    rate: Tensor,
    beta_1: Tensor,
    beta_2: Tensor,
    epsilon=1e-7,
):
    """m' = beta_1 m + (1 - beta_1) g; v' = beta_2 v + (1 - beta_2) g^2; param - rate m' / (sqrt(v') + epsilon).

    `rate` has the correction of the bias already: lr sqrt(1 - beta_2^t) / (1 - beta_1^t). D. Kingma, J. Ba, 2014.
    """
    m = beta_1 * m + (1.0 - beta_1) * gradient
    v = beta_2 * v + (1.0 - beta_2) * square(gradient)
    return param - rate * m / (sqrt(v) + epsilon), m, v


@composite(dtype=_step)
def amsgrad_update(
    param: Tensor,
    gradient: Tensor,
    m: Tensor,
    v: Tensor,
    largest_v: Tensor,
    rate: Tensor,
    beta_1: Tensor,
    beta_2: Tensor,
    epsilon=1e-7,
):
    """Like `adam_update`, but divides by the root of the largest v so far. S. Reddi et al., 2018."""
    m = beta_1 * m + (1.0 - beta_1) * gradient
    v = beta_2 * v + (1.0 - beta_2) * square(gradient)
    largest_v = maximum(largest_v, v)
    return param - rate * m / (sqrt(largest_v) + epsilon), m, v, largest_v


@composite(dtype=_step)
def adamax_update(
    param: Tensor,
    gradient: Tensor,
    m: Tensor,
    u: Tensor,
    rate: Tensor,
    beta_1: Tensor,
    beta_2: Tensor,
    epsilon=1e-7,
):
    """m' as in Adam; u' = max(beta_2 u, |g|); param - rate m' / (u' + epsilon).

    `rate` has the correction of the bias already: lr / (1 - beta_1^t). D. Kingma and J. Ba, 2014, section 7.
    """
    m = beta_1 * m + (1.0 - beta_1) * gradient
    u = maximum(beta_2 * u, abs(gradient))
    return param - rate * m / (u + epsilon), m, u


@composite(dtype=_step)
def nadam_update(
    param: Tensor,
    gradient: Tensor,
    m: Tensor,
    v: Tensor,
    rate: Tensor,
    beta_1: Tensor,
    beta_2: Tensor,
    gradient_share: Tensor,
    m_share: Tensor,
    v_share: Tensor,
    epsilon=1e-7,
):
    """m' and v' as in Adam; step = gradient_share g + m_share m'; param - rate step / (sqrt(v_share v') + epsilon).

    The shares hold the schedule of the momentum and the corrections of the bias. T. Dozat, 2016.
    """
    m = beta_1 * m + (1.0 - beta_1) * gradient
    v = beta_2 * v + (1.0 - beta_2) * square(gradient)
    step = gradient_share * gradient + m_share * m
    return param - rate * step / (sqrt(v_share * v) + epsilon), m, v
