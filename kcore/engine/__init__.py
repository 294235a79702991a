"""The path by which Keras 2's users import the parts of models: `from kcore.engine import Layer, InputSpec`.

(What computes is in `kcore.engines`, and in plug-ins.)
"""

from ..layers.base import Layer
from ..layers.input_layer import Input, InputLayer
from ..layers.input_spec import InputSpec
from ..layers.nodes import Node
from ..models import Model, Network, Sequential
