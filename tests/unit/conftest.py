import os

from hypothesis import settings

settings.register_profile("unit", deadline=None)  # a slow machine is no failure
settings.register_profile("mutate", deadline=None, max_examples=15, derandomize=True)  # scripts/mutate
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "unit"))
