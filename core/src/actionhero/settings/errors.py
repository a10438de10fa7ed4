"""`SettingError`: one thing that is wrong with the settings, told to whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero.errors import ConfigurationError
from actionhero.settings.model import MASK, Settings, holds_secret, mask_passwords, masked
from actionhero.settings.sources import PREFIX, Origin, SettingValue

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_SHOWN_CHARACTERS = 100

#: Where pydantic's own words do not say what is allowed.
_ALLOWED = {
    "time_delta_parsing": "a duration: seconds, or a number with ms, s, m, h or d, such as '20s'",
    "time_delta_type": "a duration: seconds, or a number with ms, s, m, h or d, such as '20s'",
    "list_type": "a list: a,b in a variable, ['a', 'b'] in a file",
}
_VALIDATORS_OWN = {"value_error": "Value error, ", "assertion_error": "Assertion failed, "}


class SettingError(NamedTuple):
    """One thing that is wrong: where it was given, and why it cannot stay."""

    origin: str
    message: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


def refusal(faults: Iterable[SettingError]) -> ConfigurationError:
    """Return the error that tells every fault, each on a line of its own."""
    # The same fault is found once per key of an unknown section: told once is enough.
    lines = list(dict.fromkeys(str(fault) for fault in faults))
    count = "1 setting is" if len(lines) == 1 else f"{len(lines)} settings are"
    return ConfigurationError("\n  ".join([f"{count} wrong:", *lines]))


def variable_of(*path: str) -> str:
    """Return the name of the environment variable for a section and key."""
    return PREFIX + "__".join(path).upper()


def unknown_section(given: SettingValue, sections: Mapping[str, type[Settings]]) -> SettingError:
    """Return the fault of a value whose section no plugin has."""
    section, origin = given.path[0], given.origin
    if origin.is_variable:
        near = _nearest_variable(given.path, sections)
        if near:
            return SettingError(
                str(origin), f"there is no such setting; did you mean {near!r}? {_BELONGS}"
            )
        if len(given.path) == 1:
            form = f"variables are named {PREFIX}<SECTION>__<KEY>"
            return SettingError(str(origin), f"there is no such setting; {form}")
    elif len(given.path) == 1 and not isinstance(given.value, dict):
        homes = [f"{name}.{section}" for name in sections if section in sections[name].model_fields]
        hint = f"did you mean {homes[0]!r}?" if homes else f"there are: {', '.join(sections)}"
        return SettingError(str(origin), f"{section!r} must stand in a section; {hint}")
    else:
        origin = _section_origin(given)
    near = _nearest(section, sections)
    hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(sections)};"
    return SettingError(str(origin), f"there is no section {section!r}; {hint} {_BELONGS}")


_BELONGS = (
    "it may belong to a plugin that is not installed or is switched off: install it, switch it on, "
    "or remove the setting"
)


def not_a_table(given: SettingValue) -> SettingError:
    """Return the fault of a value that stands where the table of a section should."""
    section = given.path[0]
    return SettingError(
        str(given.origin), f"{section!r} is a section and must be a table of settings"
    )


def unknown_key(
    given: SettingValue, model: type[BaseModel], *, path: tuple[str, ...] = ()
) -> SettingError:
    """Return the fault of a key that its section, or a group inside of it, does not have."""
    path = path or given.path
    names = tuple(model.model_fields)
    near = _nearest(path[-1], names)
    if given.origin.is_variable:
        names = tuple(variable_of(*path[:-1], name) for name in names)
        near = near and variable_of(*path[:-1], near)
    hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(names) or 'none'}"
    origin = given.origin.inside(path[len(given.path) :])
    return SettingError(str(origin), f"there is no setting {'.'.join(path)!r}; {hint}")


def bad_text(given: SettingValue, field: FieldInfo, reason: str) -> SettingError:
    """Return the fault of a variable whose text cannot be read."""
    return SettingError(
        str(given.origin), f"{_quoted(given.value, field)} is not allowed: {reason}"
    )


def bad_value(
    path: tuple[str, ...],
    given: SettingValue | None,
    field: FieldInfo,
    value: Any,
    details: list[ErrorDetails],
) -> SettingError:
    """Return the fault of a value that does not fit.

    Args:
        path: Section, key, and the keys down to what does not fit.
        given: Where it was given; `None` for a default in code.
        field: The field of the section that it belongs to.
        value: The whole value of that field.
        details: Why pydantic refuses it, once for each member of a union.
    """
    inputs = [detail["input"] for detail in details]
    secrets = list(_texts([given and given.value, value, inputs])) if holds_secret(field) else []
    reasons = dict.fromkeys(_reason(detail, secrets) for detail in details)
    # As it was written, where all of it is wrong: the model has made more of it.
    wrong = given.value if given and given.path == path else inputs[0]
    message = f"{_quoted(wrong, field)} is not allowed: {' or '.join(reasons)}"
    if given is None:
        return SettingError(".".join(path), f"the default {message}")
    return SettingError(str(given.origin.inside(path[len(given.path) :])), message)


def missing(section: str, key: str) -> SettingError:
    """Return the fault of a setting that has no default and was not given."""
    return SettingError(
        f"{section}.{key}",
        f"it must be set; set {variable_of(section, key)}, or {key!r} of [{section}] in the "
        f"settings file",
    )


def whole_section(
    model: type[Settings], values: Mapping[str, Any], detail: ErrorDetails
) -> SettingError:
    """Return the fault that a section found with its settings as a whole."""
    fields = model.model_fields
    secrets = [values[key] for key in values if key in fields and holds_secret(fields[key])]
    return SettingError(model.section, _reason(detail, list(_texts(secrets))))


def _reason(detail: ErrorDetails, secrets: list[str]) -> str:
    kind = detail["type"]
    if kind in _ALLOWED:
        return f"it should be {_ALLOWED[kind]}"
    message = detail["msg"].removeprefix(_VALIDATORS_OWN.get(kind, ""))
    if kind not in _VALIDATORS_OWN:
        message = message[:1].lower() + message[1:]
    message = message.replace("input should", "it should", 1)
    return _without(message, secrets)


def _without(message: str, secrets: list[str]) -> str:
    """Return what a validator says, in which it may have quoted the value."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret in message and len(secret) < 4:
            # Replacing so short a text would give away where it was.
            return "it is refused by a rule of its own, whose words would show the secret"
        message = message.replace(secret, MASK)
    return mask_passwords(message)


def _texts(value: Any) -> Iterable[str]:
    """Yield every text, and every number as text, anywhere in a value."""
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


def _quoted(value: Any, field: FieldInfo) -> str:
    if holds_secret(field):
        return repr(MASK)
    text = repr(masked(value))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _section_origin(given: SettingValue) -> Origin:
    """Return the origin of the section, rather than of the one key that was looked at."""
    origin = given.origin
    if len(given.path) == 1:
        return origin
    name = origin.name.removesuffix("." + ".".join(given.path[1:]))
    return Origin(origin.kind, name, given.path[:1], origin.file)


def _nearest_variable(path: tuple[str, ...], sections: Mapping[str, type[Settings]]) -> str | None:
    known = [f"{name}__{key}" for name, model in sections.items() for key in model.model_fields]
    near = _nearest("__".join(path), known)
    return near and variable_of(near)


def _nearest(name: str, known: Iterable[str]) -> str | None:
    # Imported here because most starts have no typing mistake.
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(known), n=1)), None)
