"""`Settings`: the model that each section of settings is written as."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationInfo,
    model_validator,
)

from actionhero.inputs.annotations import is_secret, members, parts
from actionhero.redaction import SECRET_IN_QUERY

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

#: What stands in the place of a secret wherever values are shown.
MASK: Final = "******"

_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")

# Greedy, up to the last @: a password may have an unquoted @ or / in it.
_URL_PASSWORD = re.compile(r"(://[^:/?#@\s]*:).+@", re.DOTALL)


class Settings(BaseModel):
    """One section of settings: subclass it, name the section, and give each field a description.

    A field of type `timedelta` takes seconds (`20`, `"1.5"`), a text such as `"500ms"`, `"20s"`,
    `"5m"`, `"1h30m"`, `"1d"`, or ISO 8601. A `SettingsPath` begins in the folder of the settings
    file. A field that is `SecretStr` or marked `Secret` is never shown. A group of settings inside
    of a section is a `Settings` class too, without a section of its own.

    ```python
    class MailSettings(Settings):
        section: ClassVar[str] = "mail"
        env_aliases: ClassVar[Mapping[str, str]] = {"SMTP_URL": "url"}

        url: str = Field(default="smtp://localhost", description="What takes our mail.")
        timeout: timedelta = Field(default=timedelta(seconds=10), description="When to give up.")
    ```
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )

    #: The name of the section, in lowercase letters, digits and single underscores.
    section: ClassVar[str]
    #: Keys of this section by the variables that everyone knows them by, such as `PORT`. An empty
    #: one counts as not set.
    env_aliases: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _read_durations(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        read = {
            name: parse_duration(values[name])
            for name in duration_fields(cls)
            if isinstance(values.get(name), str)
        }
        return {**values, **read}

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        secret = secret_fields(type(self))
        for name, value in super().__repr_args__():
            yield name, MASK if name in secret and value is not None else masked(value)


def _in_root(path: Path, info: ValidationInfo) -> Path:
    root = (info.context or {}).get("root")
    path = path.expanduser()
    return root / path if root else path


#: A path that begins in the folder of the settings file, if it is relative. `~` is the home folder.
SettingsPath = Annotated[Path, AfterValidator(_in_root)]


def parse_duration(text: str) -> timedelta | str:
    """Return the duration that `text` stands for, or `text` itself for pydantic to judge."""
    compact = text.strip().replace(" ", "").lower()
    try:
        if _DURATION.fullmatch(compact):
            parts = _DURATION_PART.findall(compact)
            return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
        return timedelta(seconds=float(compact))
    except (ValueError, OverflowError):
        return text


@cache
def duration_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields that take a duration."""
    return frozenset(
        name for name, field in model.model_fields.items() if timedelta in members(field.annotation)
    )


@cache
def secret_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields that are secret as a whole."""
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if is_secret(field.annotation, field.metadata)
    )


def holds_secret(field: FieldInfo) -> bool:
    """Return whether a field is secret, or has something secret anywhere inside."""
    return is_secret(field.annotation, field.metadata) or _holds_secret(
        field.annotation, frozenset()
    )


def masked(value: Any) -> Any:
    """Return `value` fit to be shown: without secrets, and without the passwords in URLs."""
    match value:
        case str():
            return mask_passwords(value)
        case _ if hasattr(value, "get_secret_value"):
            return MASK
        case BaseModel():
            secret = secret_fields(type(value))
            return {
                name: MASK if name in secret and inner is not None else masked(inner)
                for name, inner in value
            }
        case dict():
            return {key: masked(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [masked(inner) for inner in value]
        case Path() | None | bool() | int() | float() | timedelta() | Enum():
            return value
        case _:
            # A URL of pydantic, for one, has a password in its text.
            return mask_passwords(str(value))


def mask_passwords(text: str) -> str:
    """Return `text` without the passwords of URLs in it: `redis://:******@host`."""
    text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    return SECRET_IN_QUERY.sub(rf"\1{MASK}", text)


def shown(value: Any) -> str:
    """Return `value` as one would write it in a variable, masked."""
    match masked(value):
        case str() as text:
            return text
        case None:
            return "none"
        case timedelta() as duration:
            return shown_duration(duration)
        case Enum() as member:
            return mask_passwords(str(member.value))
        case list() as items if not any(isinstance(item, dict | list) for item in items):
            return ",".join(shown(item) for item in items)
        case bool() | dict() | list() as structured:
            return json.dumps(structured, default=shown, ensure_ascii=False)
        case other:
            return str(other)


def shown_duration(duration: timedelta) -> str:
    """Return a duration as one would write it: `500ms`, `20s`, `1h30m`."""
    if duration % timedelta(milliseconds=1) or duration < timedelta(0):
        return f"{duration.total_seconds()}s"
    rest, text = duration, ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, timedelta(seconds=_UNITS[unit]))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _holds_secret(annotation: Any, seen: frozenset[Any]) -> bool:
    for part in parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel) and part not in seen:
            inner = part.model_fields.values()
            if any(
                is_secret(field.annotation, field.metadata)
                or _holds_secret(field.annotation, seen | {part})
                for field in inner
            ):
                return True
    return False
