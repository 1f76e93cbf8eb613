"""What every unit test stands on: no settings of the user's."""

from tests.helpers.fixtures import no_settings_of_the_user

__all__ = ["no_settings_of_the_user"]
