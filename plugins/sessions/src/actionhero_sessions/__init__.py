"""Sessions for ActionHero. `RequireSession` and `Sessions` are what an author imports."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero_sessions.middleware import RequireSession as RequireSession
    from actionhero_sessions.raw_handlers import SessionStorage as SessionStorage
    from actionhero_sessions.raw_handlers import with_session as with_session
    from actionhero_sessions.sessions import Sessions as Sessions
    from actionhero_sessions.settings import SessionsSettings as SessionsSettings

__all__ = ["RequireSession", "SessionStorage", "Sessions", "SessionsSettings", "with_session"]

_HOME = {
    "RequireSession": "middleware",
    "SessionStorage": "raw_handlers",
    "Sessions": "sessions",
    "SessionsSettings": "settings",
    "with_session": "raw_handlers",
}


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'actionhero_sessions' has no attribute {name!r}")
    return getattr(importlib.import_module(f"actionhero_sessions.{module}"), name)
