"""`SettingError`: one error in the settings, with its origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero.errors import ConfigurationError
from actionhero.inputs.problems import VALIDATOR_PREFIXES
from actionhero.redaction import MASK, mask_url, mask_urls
from actionhero.settings.model import Settings, contains_secret, mask_value
from actionhero.settings.sources import ENVIRONMENT_VARIABLE, PREFIX, PROCESS_VARIABLES
from actionhero.settings.values import Origin, SettingValue

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_MAX_VALUE_CHARACTERS = 100

#: Expected values by pydantic's type of error, where its message does not name them.
_EXPECTED = {
    "time_delta_parsing": "a duration: seconds, or a number with ms, s, m, h or d, such as '20s'",
    "time_delta_type": "a duration: seconds, or a number with ms, s, m, h or d, such as '20s'",
    "list_type": "a list: a,b in a variable, ['a', 'b'] in a file",
}

_PLUGIN_HINT = (
    "if it belongs to a plugin, install and enable the plugin; otherwise remove the setting"
)


class SettingError(NamedTuple):
    """One error in the settings."""

    #: The variable, or the file, line and key.
    origin: str
    message: str
    #: Section and key; the section alone for an error of the whole section.
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


def configuration_error(errors: Iterable[SettingError]) -> ConfigurationError:
    """Return the exception that lists all errors, one per line."""
    # An unknown section is an error of each of its keys: it is listed once.
    lines = list(dict.fromkeys(str(error) for error in errors))
    heading = "1 invalid setting:" if len(lines) == 1 else f"{len(lines)} invalid settings:"
    return ConfigurationError("\n  ".join([heading, *lines]))


def variable_name(*path: str) -> str:
    """Return the name of the environment variable for a section and key."""
    return PREFIX + "__".join(path).upper()


def unknown_section(setting: SettingValue, sections: Mapping[str, type[Settings]]) -> SettingError:
    """Return the error of a value in a section that no plugin defines."""
    section, origin = setting.path[0], setting.origin
    if origin.is_variable:
        if len(setting.path) == 1 and (name := _closest_process_variable(section)):
            return SettingError(str(origin), f"unknown setting; did you mean {name!r}?")
        if match := _closest_variable(setting.path, sections):
            hint = f"did you mean {match!r}? {_PLUGIN_HINT}"
            return SettingError(str(origin), f"unknown setting; {hint}")
        if len(setting.path) == 1:
            form = f"variables are named {PREFIX}<SECTION>__<KEY>"
            return SettingError(str(origin), f"unknown setting; {form}")
    elif len(setting.path) == 1 and not isinstance(setting.value, dict):
        paths = [f"{name}.{section}" for name in sections if section in sections[name].model_fields]
        hint = f"did you mean {paths[0]!r}?" if paths else f"available: {', '.join(sections)}"
        return SettingError(str(origin), f"{section!r} is not in a section; {hint}")
    else:
        origin = _section_origin(setting)
    match = _closest(section, sections)
    hint = f"did you mean {match!r}?" if match else f"available: {', '.join(sections)};"
    return SettingError(str(origin), f"unknown section {section!r}; {hint} {_PLUGIN_HINT}")


def not_a_table(setting: SettingValue) -> SettingError:
    """Return the error of a section whose value is not a table."""
    section = setting.path[0]
    return SettingError(str(setting.origin), f"section {section!r} must be a table of settings")


def unknown_key(
    setting: SettingValue, model: type[BaseModel], *, path: tuple[str, ...] = ()
) -> SettingError:
    """Return the error of a key that its section, or a group within it, does not define."""
    path = path or setting.path
    names = tuple(model.model_fields)
    match = _closest(path[-1], names)
    # A key within the value of a variable has no variable of its own.
    if setting.origin.is_variable and path == setting.path:
        names = tuple(variable_name(*path[:-1], name) for name in names)
        match = match and variable_name(*path[:-1], match)
    hint = f"did you mean {match!r}?" if match else f"available: {', '.join(names) or 'none'}"
    origin = setting.origin.nested(path[len(setting.path) :])
    return SettingError(str(origin), f"unknown setting {'.'.join(path)!r}; {hint}")


def invalid_text(setting: SettingValue, field: FieldInfo, reason: str) -> SettingError:
    """Return the error of a variable whose text cannot be parsed."""
    return SettingError(
        str(setting.origin), f"invalid value {_quote(setting.value, field)}: {reason}"
    )


def invalid_value(
    path: tuple[str, ...],
    setting: SettingValue | None,
    field: FieldInfo,
    value: Any,
    details: list[ErrorDetails],
) -> SettingError:
    """Return the error of a value that the model rejects.

    Args:
        path: Section, key, and the keys down to the invalid value.
        setting: The value as its source contains it; `None` for a default.
        field: The field of the section.
        value: The whole value of the field.
        details: The errors of pydantic, one for each member of a union.
    """
    inputs = [detail["input"] for detail in details]
    texts = list(_texts([setting and setting.value, value, inputs]))
    is_secret = contains_secret(field)
    reasons = dict.fromkeys(_reason(detail, texts, is_secret=is_secret) for detail in details)
    # The value as it is written, if the whole value is invalid: the model has parsed it.
    invalid = setting.value if setting and setting.path == path else inputs[0]
    message = f"{_quote(invalid, field)}: {' or '.join(reasons)}"
    if setting is None:
        return SettingError(".".join(path), f"invalid default {message}")
    origin = setting.origin.nested(path[len(setting.path) :])
    return SettingError(str(origin), f"invalid value {message}")


def missing(path: tuple[str, ...], setting: SettingValue | None) -> SettingError:
    """Return the error of a required setting that is not set.

    Args:
        path: The path of the setting.
        setting: The value that should contain it; `None` without one.
    """
    if setting is not None and any(map(str.isdecimal, path)):
        # A part of a list has no variable of its own.
        origin = setting.origin.nested(path[len(setting.path) : -1])
        return SettingError(str(origin), f"the key {path[-1]!r} is required, and missing; add it")
    section, *keys = path
    return SettingError(
        ".".join(path),
        f"required setting; set {variable_name(*path)}, or {'.'.join(keys)!r} of [{section}] in "
        "the settings file",
    )


def invalid_section(
    model: type[Settings], values: Mapping[str, Any], detail: ErrorDetails
) -> SettingError:
    """Return the error of a section whose settings are invalid in combination."""
    fields = model.model_fields
    secrets = [values[key] for key in values if key in fields and contains_secret(fields[key])]
    return SettingError(model.section, _reason(detail, list(_texts(secrets)), is_secret=True))


def _reason(detail: ErrorDetails, texts: list[str], *, is_secret: bool) -> str:
    kind = detail["type"]
    if kind in _EXPECTED:
        return f"should be {_EXPECTED[kind]}"
    message = detail["msg"].removeprefix(VALIDATOR_PREFIXES.get(kind, ""))
    if kind not in VALIDATOR_PREFIXES and message[1:2].islower():
        message = message[0].lower() + message[1:]
    message = message.removeprefix("input ")
    # A validator may quote the value.
    for text in sorted(texts, key=len, reverse=True):
        if text not in message:
            continue
        if is_secret and len(text) < 4:
            # The places of so short a text would reveal it.
            return "rejected by a validator whose message contains the secret"
        message = message.replace(text, MASK if is_secret else mask_url(text))
    return mask_urls(message)


def _texts(value: Any) -> Iterable[str]:
    """Yield every text, and every number as text, in a value at any depth."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _texts(inner)
    elif hasattr(value, "get_secret_value"):
        yield from _texts(value.get_secret_value())
    elif isinstance(value, bytes):
        yield repr(value)
    elif value is not None and str(value):
        yield str(value)


def _quote(value: Any, field: FieldInfo) -> str:
    if contains_secret(field):
        return repr(MASK)
    text = repr(mask_value(value))
    return text if len(text) <= _MAX_VALUE_CHARACTERS else f"{text[:_MAX_VALUE_CHARACTERS]}…"


def _section_origin(setting: SettingValue) -> Origin:
    """Return the origin of the section that a value is in."""
    origin = setting.origin
    if len(setting.path) == 1:
        return origin
    name = origin.name.removesuffix("." + ".".join(setting.path[1:]))
    return Origin(origin.kind, name, setting.path[:1], origin.file)


def _closest_variable(path: tuple[str, ...], sections: Mapping[str, type[Settings]]) -> str | None:
    known = [f"{name}__{key}" for name, model in sections.items() for key in model.model_fields]
    match = _closest("__".join(path), known)
    return match and variable_name(match)


def _closest_process_variable(section: str) -> str | None:
    name = variable_name(section)
    # Before all others, as no setting is meant.
    if name in {"ACTIONHERO_ENVIRONMENT", "ACTIONHERO_MODE"}:
        return ENVIRONMENT_VARIABLE
    return _closest(name, PROCESS_VARIABLES, cutoff=0.9)


def _closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    # Imported here because most starts have no misspelled setting.
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)
