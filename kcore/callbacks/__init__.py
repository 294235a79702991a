"""Callbacks: what is told of training while it runs, and may steer it."""

from .backup import BackupAndResume
from .base import Callback, CallbackList, make_list
from .checkpoint import ModelCheckpoint
from .csv_logger import CSVLogger
from .early_stopping import EarlyStopping
from .finite import NaNGuard, TerminateOnNaN, guard_of
from .functions import LambdaCallback
from .history import BaseLogger, History
from .learning_rate import LearningRateScheduler, ReduceLROnPlateau
from .progress import ProgbarLogger
from .remote import RemoteMonitor
from .tensorboard import TensorBoard
