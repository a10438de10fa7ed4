"""`Settings`, the base class of every section, and how values are parsed, masked and formatted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    get_args,
    get_origin,
)

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationInfo,
    model_validator,
)

from actionhero.inputs.annotations import (
    is_optional,
    is_secret,
    is_sequence,
    is_structure,
    members,
    parts,
)
from actionhero.redaction import MASK, mask_url
from actionhero.settings.sources import split_list

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


class Settings(BaseModel):
    """One section of settings. Subclass it, name the section, and describe each field.

    A field of type `timedelta` accepts seconds (`20`, `"1.5"`), texts such as `"500ms"`, `"20s"`,
    `"5m"`, `"1h30m"`, `"1d"`, and ISO 8601. A `SettingsPath` is relative to the folder of the
    settings file. The value of a field that is a `SecretStr` or marked with `Secret` is always
    masked. A group of settings within a section is a `Settings` subclass without a section name.

    ```python
    class MailSettings(Settings):
        section: ClassVar[str] = "mail"
        env_aliases: ClassVar[Mapping[str, str]] = {"SMTP_URL": "url"}

        url: str = Field(default="smtp://localhost", description="The SMTP server.")
        timeout: timedelta = Field(default=timedelta(seconds=10), description="The send timeout.")
    ```
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )

    #: The name of the section: lowercase letters, digits and single underscores.
    section: ClassVar[str]
    #: Keys of this section by well-known environment variables, such as `PORT`. An empty variable
    #: counts as unset.
    env_aliases: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _parse_durations(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        durations = {
            name: parse_duration(values[name])
            for name in _duration_fields(cls)
            if isinstance(values.get(name), str)
        }
        return {**values, **durations}

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        secret = secret_fields(type(self))
        for name, value in super().__repr_args__():
            yield name, MASK if name in secret and value is not None else mask_value(value)


def _resolve(path: Path, info: ValidationInfo) -> Path:
    root = (info.context or {}).get("root")
    path = path.expanduser()
    return root / path if root else path


#: A path relative to the folder of the settings file. `~` is the home folder.
SettingsPath = Annotated[Path, AfterValidator(_resolve)]


def parse_duration(text: str) -> timedelta | str:
    """Return the duration that `text` represents, such as `90d`; other text is returned as it is.

    Pydantic validates that text, which may be ISO 8601.
    """
    compact = text.strip().replace(" ", "").lower()
    try:
        if _DURATION.fullmatch(compact):
            parts = _DURATION_PART.findall(compact)
            return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
        return timedelta(seconds=float(compact))
    except (ValueError, OverflowError):
        return text


@cache
def _duration_fields(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(
        name for name, field in model.model_fields.items() if timedelta in members(field.annotation)
    )


def annotation_at(annotation: Any, path: tuple[str, ...]) -> Any:
    """Return the type of the value at `path` within a type; `Any` if it is unknown."""
    for part in path:
        for member in members(annotation):
            if isinstance(member, type) and issubclass(member, BaseModel):
                field = member.model_fields.get(part)
                annotation = field.annotation if field else Any
                break
            if get_origin(member) is not None and is_structure(member):
                annotation = get_args(member)[-1]
                break
        else:
            return Any
    return annotation


def parse_text(text: str, annotation: Any) -> Any:
    """Return the value that `text` represents, as far as its type makes a difference.

    A list is `a,b` or JSON, a nested setting is JSON. Other text is left to the model. Empty text
    is the empty value of the type.

    Raises:
        ValueError: The text begins like JSON and is not valid JSON, or it is empty and the type has
            no empty value.
    """
    if not text.strip():
        return _empty_value(text, annotation)
    start = text.lstrip()[:1]
    sequence, structure = is_sequence(annotation), is_structure(annotation)
    if (sequence and start == "[") or (structure and start in ("{", "[")):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            # Without its cause, which contains the whole text.
            raise ValueError(f"invalid JSON: {error.msg} (at column {error.colno})") from None
    if not sequence or structure or _matches_member(text, annotation):
        return text
    return split_list(text)


def _empty_value(text: str, annotation: Any) -> Any:
    """Return an empty list or table, `None`, or the text itself."""
    if is_sequence(annotation):
        return []
    types = list(members(annotation))
    for type_ in types:
        container = get_origin(type_) or type_
        if isinstance(container, type) and issubclass(container, Mapping):
            return {}
    is_text = _matches_member(text, annotation) or Any in types
    # Without its secret, a thing may be open to all.
    if not is_text and is_secret(annotation, ()):
        raise ValueError("it is empty; set a secret, or remove it")
    if is_optional(annotation):
        return None
    if is_text:
        return text
    raise ValueError("it is empty; set a value, or remove it")


def _matches_member(text: str, annotation: Any) -> bool:
    """Return whether `text` is a literal or a plain text of a union that also contains a list."""
    for member in members(annotation):
        if get_origin(member) is Literal and text in get_args(member):
            return True
        if member is str and "," not in text:
            return True
    return False


@cache
def secret_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields that are secret as a whole."""
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if is_secret(field.annotation, field.metadata)
    )


def contains_secret(field: FieldInfo, parents: frozenset[type] = frozenset()) -> bool:
    """Return whether a field is secret, or contains a secret field at any depth.

    Args:
        field: The field of a settings model.
        parents: The models that the field is nested in.
    """
    return is_secret(field.annotation, field.metadata) or any(
        contains_secret(inner, parents | {part})
        for part in parts(field.annotation)
        if isinstance(part, type) and issubclass(part, BaseModel) and part not in parents
        for inner in part.model_fields.values()
    )


def mask_value(value: Any) -> Any:
    """Return `value` with its secrets, and the passwords in its URLs, masked."""
    match value:
        case str():
            return mask_url(value)
        case _ if hasattr(value, "get_secret_value"):
            return MASK
        case BaseModel():
            secret = secret_fields(type(value))
            return {
                name: MASK if name in secret and inner is not None else mask_value(inner)
                for name, inner in value
            }
        case dict():
            return {key: mask_value(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [mask_value(inner) for inner in value]
        case Path() | None | bool() | int() | float() | timedelta() | Enum():
            return value
        case _:
            # For example a pydantic URL, whose text contains its password.
            return mask_url(str(value))


def format_value(value: Any) -> str:
    """Return `value` as it is written in an environment variable, masked."""
    match mask_value(value):
        case str() as text:
            return text
        case None:
            return "none"
        case timedelta() as duration:
            return _format_duration(duration)
        case Enum() as member:
            return mask_url(str(member.value))
        case list() as items if not any(isinstance(item, dict | list) for item in items):
            return ",".join(format_value(item) for item in items)
        case bool() | dict() | list() as structured:
            return json.dumps(structured, default=format_value, ensure_ascii=False)
        case other:
            return str(other)


def _format_duration(duration: timedelta) -> str:
    if duration % timedelta(milliseconds=1) or duration < timedelta(0):
        return f"{duration.total_seconds()}s"
    rest, text = duration, ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, timedelta(seconds=_UNITS[unit]))
        text += f"{count}{unit}" if count else ""
    return text or "0s"
