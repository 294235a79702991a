"""Helpers that Keras users know from `keras.utils`."""

from ..objects import CustomObjectScope, custom_object_scope, get_custom_objects
from ..training.progress import Progbar
from .data import Sequence
from .download import get_file
from .enqueuers import GeneratorEnqueuer, OrderedEnqueuer, SequenceEnqueuer
from .generic_utils import deserialize_keras_object, serialize_keras_object
from .h5dict import H5Dict
from .hdf5 import HDF5Matrix
from .layer_utils import convert_all_kernels_in_model, get_source_inputs, print_summary
from .multi_gpu_utils import multi_gpu_model
from .numerical import normalize, to_categorical
from .vis_utils import model_to_dot, plot_model
