"""`LoadedSettings`: all loaded settings, by section class, and where each value came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

from actionhero.errors import BootError
from actionhero.redaction import is_sensitive
from actionhero.settings.errors import variable_of
from actionhero.settings.model import MASK, Settings, secret_fields, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic.fields import FieldInfo

    from actionhero.settings.sources import Environment, SettingValue

Section = TypeVar("Section", bound=Settings)


@dataclass(frozen=True)
class SettingsRow:
    """One setting as it is listed. Nothing in it is secret."""

    section: str
    key: str
    #: The value as one would write it in a variable; `******` for a secret.
    value: str
    #: Where it came from: `default`, `actionhero.toml:3 web.port`, the name of a variable, …
    origin: str
    description: str
    default: str
    #: What may be given, as the field is annotated.
    type: str
    is_secret: bool
    #: The environment variable that sets it.
    variable: str
    #: Further variables that set it, such as `PORT`.
    aliases: tuple[str, ...] = ()


class LoadedSettings:
    """All loaded settings, one instance per section class.

    Args:
        sections: The loaded sections, by class.
        origins: By section and key, what was given for it; nothing for a default.
        root: The folder of the settings file.
        environment: Where we run.
    """

    def __init__(
        self,
        sections: Mapping[type[Settings], Settings],
        origins: Mapping[tuple[str, str], tuple[SettingValue, ...]],
        *,
        root: Path,
        environment: Environment,
    ) -> None:
        self._sections = sections
        self._origins = origins
        self.root = root
        self.environment = environment

    def get(self, section: type[Section]) -> Section:
        """Return the loaded settings of a section class.

        Raises:
            BootError: No plugin has named this class.
        """
        try:
            return cast("Section", self._sections[section])
        except KeyError:
            known = ", ".join(known.__name__ for known in self._sections) or "none"
            raise BootError(
                f"settings {section.__qualname__!r} are not loaded; there are: {known}. Return "
                f"the class from the hook actionhero_settings, or switch its plugin on"
            ) from None

    def was_set(self, section: type[Settings], key: str) -> bool:
        """Return whether somebody chose the value of `key`, even if it is that of the default."""
        if key not in section.model_fields:
            raise BootError(f"settings {section.__qualname__!r} have no key {key!r}")
        return (section.section, key) in self._origins

    def rows(self) -> list[SettingsRow]:
        """Return every setting, its value masked where it must be, in the order of the sections."""
        return [
            _row(type(section), key, field, getattr(section, key), self._origin(section, key))
            for section in self
            for key, field in type(section).model_fields.items()
        ]

    def _origin(self, section: Settings, key: str) -> str:
        given = self._origins.get((section.section, key), ())
        return " + ".join(str(one.origin) for one in given) or "default"

    def __contains__(self, section: object) -> bool:
        return section in self._sections

    def __iter__(self) -> Iterator[Settings]:
        return iter(self._sections.values())

    def __repr__(self) -> str:
        names = ", ".join(section.section for section in self)
        return f"<LoadedSettings of {self.environment}: {names}>"


def settings_reference(classes: Iterable[type[Settings]]) -> list[SettingsRow]:
    """Return every setting of `classes` with its default as its value, for a reference."""
    return [
        _row(model, key, field, _default(field), "default")
        for model in classes
        for key, field in model.model_fields.items()
    ]


def _row(model: type[Settings], key: str, field: FieldInfo, value: Any, origin: str) -> SettingsRow:
    # By its type, or where its author forgot that, by its name.
    is_secret = key in secret_fields(model) or (isinstance(value, str) and is_sensitive(key))
    return SettingsRow(
        section=model.section,
        key=key,
        value=_shown(value, is_secret=is_secret),
        origin=origin,
        description=field.description or "",
        default=_shown(_default(field), is_secret=is_secret),
        type=_type(field.annotation),
        is_secret=is_secret,
        variable=variable_of(model.section, key),
        aliases=tuple(name for name, target in model.env_aliases.items() if target == key),
    )


class _Required:
    def __str__(self) -> str:
        return "required"


class _Computed:
    def __str__(self) -> str:
        return "computed"


def _default(field: FieldInfo) -> Any:
    if field.is_required():
        return _Required()
    if field.default_factory_takes_validated_data:
        return _Computed()
    return field.get_default(call_default_factory=True)


def _shown(value: Any, *, is_secret: bool) -> str:
    if is_secret and not isinstance(value, _Required | _Computed | None):
        return MASK
    return shown(value)


def _type(annotation: Any) -> str:
    """Return an annotation as a reader of the reference knows it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is NoneType:
        return "none"
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return " | ".join(str(value) for value in arguments)
    if origin in (Union, UnionType):
        return " | ".join(_type(member) for member in arguments)
    if origin is not None:
        return f"{origin.__name__}[{', '.join(_type(inner) for inner in arguments)}]"
    if hasattr(annotation, "get_secret_value"):
        return "secret"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(str(member.value) for member in annotation)
    return _PLAIN_TYPES.get(annotation) or str(getattr(annotation, "__name__", annotation))


_PLAIN_TYPES: Final[Mapping[Any, str]] = {
    str: "text",
    timedelta: "duration",
    Path: "path",
    ...: "...",
}
