"""The knobs of the database: section `db`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import PlainValidator, ValidationInfo, model_validator

from actionhero import Field, Settings
from actionhero_db.url import FORMS, DatabaseUrl


def _read_url(given: Any, info: ValidationInfo) -> DatabaseUrl:
    if isinstance(given, DatabaseUrl):
        return given
    if not isinstance(given, str):
        raise ValueError(f"it should be a text; there are: {FORMS}")
    return DatabaseUrl.parse(given, (info.context or {}).get("root"))


class DbSettings(Settings):
    """Which database is used, and how."""

    section: ClassVar[str] = "db"
    env_aliases: ClassVar[dict[str, str]] = {"DATABASE_URL": "url"}

    url: Annotated[DatabaseUrl, PlainValidator(_read_url)] | None = Field(
        default=None,
        description="Where the database is: postgres://, sqlite:// or mysql://. Not set: a SQLite "
        "file in the data folder, and none in production.",
    )
    pool_min: int = Field(
        default=1,
        ge=0,
        description="How many connections to a server a process keeps open at least.",
    )
    pool_max: int = Field(
        default=10, ge=1, description="How many connections to a server a process opens at most."
    )
    pool_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        description="How long a call may wait for a connection that is free, or for another "
        "process to finish writing to a SQLite file; then it is answered 503.",
    )
    connect_timeout: timedelta = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="How long it may take to connect.",
    )
    auto_migrate: bool | None = Field(
        default=None,
        description="Whether migrations run when a process starts. Not set: everywhere but in "
        "production, where a process refuses to start while there are some to run.",
    )
    migrations: Literal["tortoise", "aerich"] = Field(
        default="tortoise",
        description="What makes and runs migrations. aerich needs actionhero-db[aerich].",
    )
    migration_timeout: timedelta = Field(
        default=timedelta(seconds=60),
        gt=timedelta(0),
        description="How long a process waits for another one that runs migrations.",
    )

    @model_validator(mode="after")
    def _fits(self) -> DbSettings:
        if self.pool_min > self.pool_max:
            raise ValueError(
                f"pool_min is {self.pool_min} and pool_max is {self.pool_max}; "
                "set pool_min to no more than pool_max"
            )
        return self

    def migrates_in(self, environment: str) -> bool:
        """Return whether migrations run at start: as it was set, or outside of production."""
        if self.auto_migrate is None:
            return environment != "production"
        return self.auto_migrate
