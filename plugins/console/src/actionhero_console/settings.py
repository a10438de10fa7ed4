"""The settings of the console: section `console`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import SecretStr, field_validator

from actionhero import Field, Settings
from actionhero_console.passwords import is_hash


class OperatorSettings(Settings):
    """An operator with a password."""

    name: str = Field(
        pattern=r"^[^\s:]([^\x00-\x1f:]*[^\s:])?$", max_length=100, description="The name."
    )
    password_hash: SecretStr = Field(
        description="The output of `actionhero console password`.",
    )
    role: Literal["viewer", "operator", "admin"] = Field(
        default="viewer", description="The role of the operator."
    )

    @field_validator("password_hash")
    @classmethod
    def _is_hash(cls, value: SecretStr) -> SecretStr:
        if not is_hash(value.get_secret_value()):
            raise ValueError("it should be the output of `actionhero console password`")
        return value


class ConsoleSettings(Settings):
    """The operator's console in the browser."""

    section: ClassVar[str] = "console"

    path: str = Field(
        default="/console",
        pattern=r"^$|^(/[A-Za-z0-9._~-]+)+$",
        description="The path of the console on the HTTP server. Empty: no console.",
    )
    operators: list[OperatorSettings] = Field(
        default_factory=list,
        description="The operators with a password: name, password_hash and role (viewer, "
        "operator or admin). `actionhero console password` makes the hash.",
    )
    password: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="The password of an operator named 'admin' with the role admin. Without "
        "operators and passwords, the console is available in development only, to clients on "
        "the same machine.",
    )
    session: timedelta = Field(
        default=timedelta(hours=12),
        ge=timedelta(seconds=1),
        description="How long an operator stays signed in.",
    )
    run_role: Literal["viewer", "operator", "admin"] | None = Field(
        default=None,
        description="The least role for calls of actions. Not set: admin; operator in development.",
    )
    read_only: bool = Field(
        default=False, description="Whether all changes are refused, whatever the role."
    )
    log_lines: int = Field(
        default=1000,
        ge=0,
        le=100_000,
        description="How many log lines each process keeps for the console. 0: none, and no log "
        "panel.",
    )

    @field_validator("operators")
    @classmethod
    def _are_distinct(cls, operators: list[OperatorSettings]) -> list[OperatorSettings]:
        names = [operator.name for operator in operators]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two operators have the name {doubled[0]!r}; rename one of them")
        return operators
