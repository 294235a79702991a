import pluggy
hookimpl = pluggy.HookimplMarker("kcore")
