"""How many examples a property is tried with: few where somebody waits for them, many in the soak."""

import os
from typing import Any

from hypothesis import settings

_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "unit")

settings.register_profile("unit", deadline=None, max_examples=30)  # a slow machine is no failure
settings.register_profile("soak", deadline=None, max_examples=100)  # scripts/test soak
settings.register_profile("mutate", deadline=None, max_examples=15, derandomize=True)  # scripts/mutate
settings.load_profile(_PROFILE)


def examples(few: int, many: int, **more: Any) -> settings:
    """So many examples of a property that costs more or needs more than others: `few`, and in the soak `many`."""
    return settings(max_examples=many if _PROFILE == "soak" else few, **more)
