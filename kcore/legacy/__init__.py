"""What Keras 2 kept of Keras 1, by Keras 2's paths.

`keras.legacy.interfaces` is not here: layers understand Keras 1's arguments themselves, not by decorators.
"""
