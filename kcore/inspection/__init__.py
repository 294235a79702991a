"""Looking into models: how two engines run the same one (`comparing`)."""
