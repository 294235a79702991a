"""`Sequence`: batches by number, for data that do not fit into memory."""


class Sequence:
    """Base of data sets that give batch number `index` by `self[index]` and their number of batches by `len`.

    A batch is (x, y) or (x, y, sample_weight). `on_epoch_end` is called after each epoch. A Sequence with a state that
    its batches depend on may have `get_state()` (a dict of numbers and arrays) and `set_state(state)`: `BackupAndResume`
    saves it with the model.
    """

    use_sequence_api = True

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} needs a method __getitem__(self, index)")

    def __len__(self):
        raise NotImplementedError(f"{type(self).__name__} needs a method __len__(self)")

    def on_epoch_end(self):
        pass

    on_epoch_end.does_nothing = True  # nobody has to remember when it was called

    def divided_work(self):
        """None, or two functions (drawn, made) for a Sequence that draws random numbers: workers then give the same
        batches, however many they are. `drawn(index)` draws all that batch `index` needs, where the loop runs and in the
        order of the batches; `made(what was drawn)` gives the batch, in any thread or process, and draws nothing."""
        return None

    def __iter__(self):
        for i in range(len(self)):
            yield self[i]
