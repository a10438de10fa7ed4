"""`create_store`: the sessions of an application, with its settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actionhero import AuditLog
from actionhero_redis import RedisClients
from actionhero_sessions.cookie import SessionCookie
from actionhero_sessions.records import Records
from actionhero_sessions.sessions import Sessions
from actionhero_sessions.settings import SessionsSettings
from actionhero_web import WebSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_web import CrossOriginProtection


def create_store(app: Application) -> Sessions:
    """Return the sessions of an application, and provide them to its actions."""
    settings = app.get(SessionsSettings)
    web = app.get(WebSettings) if app.has(WebSettings) else WebSettings()
    ttl_ms = int(settings.ttl.total_seconds() * 1000)
    sessions = Sessions(
        Records(lambda: app.get(RedisClients), ttl_ms, settings.user_key),
        SessionCookie(
            settings,
            production=app.environment == "production",
            trusted_proxies=web.trusted_proxies,
        ),
        settings.user_key,
        always_set_cookie=web.response_format.always_opens_session,
        audit=app.get(AuditLog),
        cross_origin=partial(_cross_origin_of, app),
        handle_key=partial(_handle_key_of, app),
    )
    app.provide(Sessions, sessions)
    return sessions


def _handle_key_of(app: Application) -> bytes:
    return f"handles of sessions: {app.secret_key()}".encode()


def _cross_origin_of(app: Application) -> CrossOriginProtection:
    from actionhero_web import CrossOriginProtection  # noqa: PLC0415 - imports aiohttp

    return CrossOriginProtection.of(app)
