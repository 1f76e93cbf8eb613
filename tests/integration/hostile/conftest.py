"""What every attack stands on: no settings of the user's, and a certificate of another name."""

from tests.helpers.fixtures import authority, elsewhere, no_settings_of_the_user

__all__ = ["authority", "elsewhere", "no_settings_of_the_user"]
