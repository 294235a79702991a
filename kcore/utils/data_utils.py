"""Files fetched from the net, and batches read ahead, by Keras 2's path."""

from .data import Sequence
from .download import get_file, validate_file
from .enqueuers import GeneratorEnqueuer, OrderedEnqueuer, SequenceEnqueuer
