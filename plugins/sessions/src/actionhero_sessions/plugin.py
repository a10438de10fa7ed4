"""The plugin `sessions`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from actionhero import Application, Initializer, SessionStore, Settings
    from actionhero.transport import Diagnosis
    from actionhero_console import Panel


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_sessions.settings import SessionsSettings

    return [SessionsSettings]


@hookimpl
def actionhero_initializers() -> list[Initializer]:
    from actionhero_sessions.initializer import SessionsInitializer

    return [SessionsInitializer()]


@hookimpl
def actionhero_session_store(app: Application) -> SessionStore:
    from actionhero_sessions.store_factory import create_store

    return create_store(app)


@hookimpl
def actionhero_doctor_checks(app: Application, deploy: bool) -> list[Diagnosis]:
    from actionhero_sessions.doctor_checks import diagnose

    return diagnose(app, deploy=deploy)


@hookimpl(optionalhook=True)
def actionhero_console_panels(app: Application) -> list[Panel]:
    from actionhero_sessions.console_panel import sessions_panel

    return [sessions_panel(app)]
