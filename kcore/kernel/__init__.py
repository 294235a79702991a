"""The kernel: what can be plugged in (specs, hooks, loader, registries) and the contract with engines.

`kcore.kernel.registry.registries` holds one registry per family; `kcore.kernel.context` the choice of engine.
"""
