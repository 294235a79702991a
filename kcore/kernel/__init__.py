"""The kernel: what can be plugged in, and the contract with engines."""
