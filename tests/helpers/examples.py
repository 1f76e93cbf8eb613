"""How many examples a property is tried with: few where somebody waits for them, many in the soak."""

import os
from typing import Any

from hypothesis import settings

_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "unit")
_TIMES = {"soak": 10}.get(_PROFILE, 1)

settings.register_profile("unit", deadline=None, max_examples=30)  # a slow machine is no failure
settings.register_profile("soak", deadline=None, max_examples=30 * 10)  # scripts/test soak
settings.register_profile("mutate", deadline=None, max_examples=15, derandomize=True)  # scripts/mutate
settings.load_profile(_PROFILE)


def examples(few: int, **more: Any) -> settings:
    """That many examples of a property that needs a number of its own, and ten times as many in the soak."""
    return settings(max_examples=few * _TIMES, **more)
