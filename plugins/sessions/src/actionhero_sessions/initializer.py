"""`SessionsInitializer`: declares the dependency of sessions on Redis."""

from __future__ import annotations

from actionhero import Initializer


class SessionsInitializer(Initializer):
    """Starts after Redis; the store has no separate connections."""

    name = "sessions"
    requires = ("redis",)
