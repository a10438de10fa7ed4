"""The plugin `limits`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from actionhero import Application, Initializer, Instrument, Middleware, Settings
    from actionhero.transport import Diagnosis
    from actionhero_console import Panel


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_limits.settings import LimitsSettings

    return [LimitsSettings]


@hookimpl
def actionhero_initializers() -> list[Initializer]:
    from actionhero_limits.idempotency.initializer import IdempotencyInitializer
    from actionhero_limits.initializer import LimitsInitializer

    return [LimitsInitializer(), IdempotencyInitializer()]


# The first, so that calls are counted that other middleware refuses.
@hookimpl(tryfirst=True)
def actionhero_middleware(app: Application) -> list[Middleware]:
    from actionhero_limits.middleware import limit_middleware

    return [limit_middleware(app)]


@hookimpl
def actionhero_action_attributes() -> list[str]:
    return ["limit"]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_limits.idempotency.validation import validate
    from actionhero_limits.validation import validate_limits

    return [*validate_limits(app), *validate(app)]


@hookimpl
def actionhero_doctor_checks(app: Application, deploy: bool) -> list[Diagnosis]:
    from actionhero_limits.doctor_checks import diagnose

    return [] if app.has_invalid_settings else diagnose(app, deploy=deploy)


@hookimpl(optionalhook=True)
def actionhero_db_outbox_topics(app: Application) -> list[str]:
    from actionhero_limits.idempotency.validation import outbox_topics

    return outbox_topics(app)


@hookimpl
def actionhero_instruments(app: Application) -> list[Instrument]:
    from actionhero_limits.limits import limits_for

    return [limits_for(app).checks]


@hookimpl(optionalhook=True)
def actionhero_console_panels(app: Application) -> list[Panel]:
    from actionhero_limits.console_panel import limits_panel

    return [limits_panel(app)]
