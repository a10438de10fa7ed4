"""`LoadedSettings`: all validated settings by section class, and the origin of every value."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from actionhero.redaction import MASK, is_sensitive
from actionhero.settings.errors import variable_name
from actionhero.settings.model import Settings, format_value, secret_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic.fields import FieldInfo

    from actionhero.settings.errors import SettingError
    from actionhero.settings.sources import Environment
    from actionhero.settings.values import SettingValue

Section = TypeVar("Section", bound=Settings)


@dataclass(frozen=True)
class SettingsRow:
    """One setting in a listing. Secrets are masked."""

    section: str
    key: str
    #: The value as it is written in a variable.
    value: str
    #: `default`, `actionhero.toml:3 web.port`, the name of a variable, …
    origin: str
    description: str
    default: str
    #: The allowed values, from the annotation of the field.
    type: str
    is_secret: bool
    #: The environment variable that sets it.
    variable: str
    #: Further variables that set it, such as `PORT`.
    aliases: tuple[str, ...] = ()
    #: The error of an invalid value, which is left out; empty for a valid one.
    error: str = ""


class LoadedSettings:
    """All loaded settings, one instance per section class.

    Args:
        sections: The loaded sections, by class.
        contributions: By section and key, the values of the sources; none for a default.
        root: The folder of the settings file.
        environment: The environment of the process.
        errors: The errors of values that were left out.
    """

    def __init__(
        self,
        sections: Mapping[type[Settings], Settings],
        contributions: Mapping[tuple[str, str], tuple[SettingValue, ...]],
        *,
        root: Path,
        environment: Environment,
        errors: tuple[SettingError, ...] = (),
    ) -> None:
        self.errors = errors
        self._sections = sections
        self._contributions = contributions
        self.root = root
        self.environment = environment

    def get(self, section: type[Section]) -> Section:
        """Return the loaded settings of a section class.

        Raises:
            BootError: No plugin returned this class.
        """
        try:
            return cast("Section", self._sections[section])
        except KeyError:
            known = ", ".join(known.__name__ for known in self._sections) or "none"
            raise BootError(
                f"settings {section.__qualname__!r} are not loaded; available: {known}. Return "
                f"the class from the hook actionhero_settings, or enable its plugin"
            ) from None

    def find(self, name: str) -> Settings | None:
        """Return the loaded section of a name; `None` if no plugin has it.

        For plugins that do not depend on the package of the section.
        """
        return next((section for section in self if section.section == name), None)

    def was_set(self, section: type[Settings], key: str) -> bool:
        """Return whether a source sets `key`, even to its default."""
        if key not in section.model_fields:
            raise BootError(f"settings {section.__qualname__!r} have no key {key!r}")
        return (section.section, key) in self._contributions

    def rows(self) -> list[SettingsRow]:
        """Return every setting, in the order of the sections; after these, unknown settings."""
        by_path: dict[tuple[str, ...], list[SettingError]] = {}
        for error in self.errors:
            by_path.setdefault(error.path, []).append(error)
        rows = []
        for section in self:
            for key, field in type(section).model_fields.items():
                value, origin = getattr(section, key), self._origin(section, key)
                row = _row(type(section), key, field, value, origin)
                if errors := by_path.pop((section.section, key), []):
                    message = "; ".join(error.message for error in errors)
                    row = replace(row, error=message, origin=errors[0].origin)
                rows.append(row)
            for path in [path for path in by_path if path[0] == section.section]:
                rows += [_error_row(error) for error in by_path.pop(path)]
        return rows + [_error_row(error) for errors in by_path.values() for error in errors]

    def secrets(self) -> list[Any]:
        """Return the values that are secret, to remove them from texts."""
        return [
            value
            for section in self
            for key in type(section).model_fields
            if (value := getattr(section, key)) is not None
            and (
                key in secret_fields(type(section))
                or (isinstance(value, str) and is_sensitive(key))
            )
        ]

    def _origin(self, section: Settings, key: str) -> str:
        values = self._contributions.get((section.section, key), ())
        return " + ".join(str(value.origin) for value in values) or "default"

    def __contains__(self, section: object) -> bool:
        return section in self._sections

    def __iter__(self) -> Iterator[Settings]:
        return iter(self._sections.values())

    def __repr__(self) -> str:
        names = ", ".join(section.section for section in self)
        return f"<LoadedSettings of {self.environment}: {names}>"


def settings_reference(classes: Iterable[type[Settings]]) -> list[SettingsRow]:
    """Return every setting of `classes` with its default, for a reference."""
    return [
        _row(model, key, field, _default(field), "default")
        for model in classes
        for key, field in model.model_fields.items()
    ]


def _row(model: type[Settings], key: str, field: FieldInfo, value: Any, origin: str) -> SettingsRow:
    # By its type, or by its name if the author did not mark it as secret.
    is_secret = key in secret_fields(model) or (isinstance(value, str) and is_sensitive(key))
    return SettingsRow(
        section=model.section,
        key=key,
        value=_format(value, is_secret=is_secret),
        origin=origin,
        description=field.description or "",
        default=_format(_default(field), is_secret=is_secret),
        type=_type(field.annotation),
        is_secret=is_secret,
        variable=variable_name(model.section, key),
        aliases=tuple(name for name, target in model.env_aliases.items() if target == key),
    )


def _error_row(error: SettingError) -> SettingsRow:
    """Return the row of an error of an unknown setting, or of a whole section."""
    section, key = (*error.path, "", "")[:2]
    return SettingsRow(
        section=section,
        key=key,
        value="",
        origin=error.origin,
        description="",
        default="",
        type="",
        is_secret=False,
        variable=variable_name(*error.path),
        error=error.message,
    )


class _NoValue(Enum):
    """In place of a default that is not a value."""

    REQUIRED = "required"
    COMPUTED = "computed"


def _default(field: FieldInfo) -> Any:
    if field.is_required():
        return _NoValue.REQUIRED
    if field.default_factory_takes_validated_data:
        return _NoValue.COMPUTED
    return field.get_default(call_default_factory=True)


def _format(value: Any, *, is_secret: bool) -> str:
    if is_secret and not isinstance(value, _NoValue | None):
        return MASK
    return format_value(value)


def _type(annotation: Any) -> str:
    """Return the text for an annotation in the reference of settings."""
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
    return _TYPE_NAMES.get(annotation) or str(getattr(annotation, "__name__", annotation))


_TYPE_NAMES: Final[Mapping[Any, str]] = {
    str: "text",
    timedelta: "duration",
    Path: "path",
    ...: "...",
}
