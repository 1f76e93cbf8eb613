"""Which region the SDK would take, asked without making a client."""

import os

from botocore.exceptions import BotoCoreError
from botocore.session import Session


def region_of(profile: str | None) -> str | None:
    """That of AWS_REGION, else the SDK's for this profile; None if there is none, or its files cannot be read."""
    try:
        found = os.environ.get("AWS_REGION") or Session(profile=profile).get_config_variable("region")
    except (BotoCoreError, OSError, ValueError):  # whoever makes a client says what is wrong
        return None
    return str(found) if found else None
