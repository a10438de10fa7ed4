"""The plugin `redis`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import hookimpl

if TYPE_CHECKING:
    from actionhero import Application, Initializer, Instrument, Settings


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_redis.settings import RedisSettings

    return [RedisSettings]


@hookimpl
def actionhero_initializers() -> list[Initializer]:
    from actionhero_redis.initializer import RedisInitializer

    return [RedisInitializer()]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_redis.store import validate_store

    return validate_store(app)


@hookimpl
def actionhero_doctor_checks(app: Application, deploy: bool) -> list[Any]:
    from actionhero_redis.doctor_checks import diagnose

    return diagnose(app, deploy=deploy)


@hookimpl
def actionhero_instruments(app: Application) -> list[Instrument]:
    from actionhero_redis.instruments import instruments

    return instruments(app)
