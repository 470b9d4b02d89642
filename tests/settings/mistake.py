"""What is said of settings that are wrong."""

import pytest

from sluice.errors import SettingsError
from sluice.settings import load


def mistake(*args: object) -> str:
    """The one line that `load` says."""
    with pytest.raises(SettingsError) as error:
        load(*args)  # type: ignore[arg-type]
    text = str(error.value)
    assert "\n" not in text
    return text
