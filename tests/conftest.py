"""Settings for all tests."""

from hypothesis import HealthCheck, settings

# Every run draws the same examples, so a green run is not luck; `--hypothesis-profile=explore` looks further.
# No deadline: a timed test fails on a busy machine.
settings.register_profile(
    "kcore", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", settings.get_profile("kcore"), derandomize=False, max_examples=500)
settings.load_profile("kcore")
