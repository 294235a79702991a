"""Training: what `compile` makes, the step programs, the one loop, the data that goes in."""
