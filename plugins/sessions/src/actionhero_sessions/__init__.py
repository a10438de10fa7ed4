"""Sessions for ActionHero: `Sessions`, the middleware `RequireSession`, and aiohttp-session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_sessions.aiohttp_storage import SessionStorage as SessionStorage
    from actionhero_sessions.aiohttp_storage import with_session as with_session
    from actionhero_sessions.middleware import RequireSession as RequireSession
    from actionhero_sessions.sessions import Sessions as Sessions
    from actionhero_sessions.settings import SessionsSettings as SessionsSettings
    from actionhero_sessions.summaries import SessionCount as SessionCount
    from actionhero_sessions.summaries import SessionSummary as SessionSummary

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".aiohttp_storage": ["SessionStorage", "with_session"],
        ".middleware": ["RequireSession"],
        ".sessions": ["Sessions"],
        ".settings": ["SessionsSettings"],
        ".summaries": ["SessionCount", "SessionSummary"],
    },
)
