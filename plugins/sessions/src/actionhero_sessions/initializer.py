"""`SessionsInitializer`: says what sessions lean on, so that it is there before they are."""

from __future__ import annotations

from actionhero import Initializer


class SessionsInitializer(Initializer):
    """Nothing to set up: the store uses the connections that Redis has."""

    name = "sessions"
    requires = ("redis",)
