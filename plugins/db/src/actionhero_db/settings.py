"""`DbSettings`: the settings of the database, section `db`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import PlainValidator, ValidationInfo, model_validator

from actionhero import Field, Settings
from actionhero_db.url import FORMS, DatabaseUrl


def _parse_url(value: Any, info: ValidationInfo) -> DatabaseUrl:
    if isinstance(value, DatabaseUrl):
        return value
    if not isinstance(value, str):
        raise ValueError(f"it should be a string; available: {FORMS}")
    return DatabaseUrl.parse(value, (info.context or {}).get("root"))


class DbSettings(Settings):
    """The database, its connection pool, and its migrations."""

    section: ClassVar[str] = "db"
    env_aliases: ClassVar[dict[str, str]] = {"DATABASE_URL": "url"}

    url: Annotated[DatabaseUrl, PlainValidator(_parse_url)] | None = Field(
        default=None,
        description="The URL of the database: postgres://, sqlite://, mysql:// or mariadb://. Not "
        "set: a SQLite file in the data folder; required in production.",
    )
    pool_min: int = Field(
        default=1,
        ge=0,
        description="The minimum number of open connections of a process to a server.",
    )
    pool_max: int = Field(
        default=10,
        ge=1,
        description="The maximum number of open connections of a process to a server.",
    )
    pool_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        description="How long a call waits for a free connection, or for another process that "
        "writes to a SQLite file, before it fails with 503.",
    )
    connect_timeout: timedelta = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="The timeout for connecting to the database.",
    )
    auto_migrate: bool | None = Field(
        default=None,
        description="Whether migrations run when a process starts. Not set: everywhere except in "
        "production, where a process refuses to start while migrations are pending; those that "
        "delete values of existing tables, and later ones, wait for 'actionhero db migrate'.",
    )
    migrations: Literal["tortoise", "aerich"] = Field(
        default="tortoise",
        description="The engine that creates and runs migrations. aerich needs "
        "actionhero-db[aerich].",
    )
    migration_timeout: timedelta = Field(
        default=timedelta(seconds=60),
        gt=timedelta(0),
        description="How long to wait for another process that runs migrations.",
    )

    @model_validator(mode="after")
    def _check_pool_size(self) -> DbSettings:
        if self.pool_min > self.pool_max:
            raise ValueError(
                f"pool_min is {self.pool_min} and pool_max is {self.pool_max}; "
                "set pool_min to no more than pool_max"
            )
        return self

    def migrates_in(self, environment: str) -> bool:
        """Return whether migrations run at startup: as set, or outside production."""
        if self.auto_migrate is None:
            return environment != "production"
        return self.auto_migrate
