"""`python -m kcore ...`: the command `kcore`, where scripts are not on the path."""

from .cli import main

if __name__ == "__main__":  # not in a process that shares the work of `kcore check --jobs`
    raise SystemExit(main())
