"""Where tokens are stored: the system's keyring, or the file of profiles."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final

from actionhero import ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType

#: The name of our entries in the keyring.
SERVICE: Final = "actionhero"


class KeyringUnavailable(Exception):
    """Raised when the keyring cannot store a secret; its text is the reason."""


def store_in_keyring(entry: str, secret: str) -> None:
    """Store a secret in the keyring of the system.

    Args:
        entry: The name of the entry.
        secret: The secret.

    Raises:
        KeyringUnavailable: The library is not installed, or has no usable keyring.
    """
    if importlib.util.find_spec("keyring") is None:
        raise KeyringUnavailable("actionhero-remote[keyring] is not installed")
    keyring = _library()
    try:
        keyring.set_password(SERVICE, entry, secret)
    except Exception as error:  # noqa: BLE001 - backends raise errors of their libraries
        raise KeyringUnavailable(_reason(error)) from None


def load_from_keyring(entry: str) -> str | None:
    """Return a secret; `None` if it is not there.

    Raises:
        ConfigurationError: The keyring cannot be read.
    """
    if importlib.util.find_spec("keyring") is None:
        raise ConfigurationError(
            "the token is in the system's keyring, but actionhero-remote[keyring] is not "
            "installed; install it, or log in again"
        )
    try:
        secret: str | None = _library().get_password(SERVICE, entry)
    except Exception as error:  # noqa: BLE001 - see above
        raise ConfigurationError(
            f"the system's keyring cannot be read: {_reason(error)}; unlock it, or log in again"
        ) from None
    return secret


def delete_from_keyring(entry: str) -> None:
    """Delete a secret, if it is there and the keyring can be opened."""
    if importlib.util.find_spec("keyring") is None:
        return
    try:
        _library().delete_password(SERVICE, entry)
    except Exception:  # noqa: BLE001 - of a backend; the profile is removed in any case
        return


def _library() -> ModuleType:
    # An optional dependency, with its own discovery of backends.
    import keyring  # noqa: PLC0415

    return keyring


def _reason(error: Exception) -> str:
    text = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
