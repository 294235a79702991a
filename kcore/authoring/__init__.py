"""For authors of plug-ins: `kcore new-plugin` and `kcore doctor`."""
