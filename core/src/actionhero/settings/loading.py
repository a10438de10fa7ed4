"""`load_settings`: from what the sources give to the settings that the process runs with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from actionhero.errors import ConfigurationError
from actionhero.inputs.annotations import members
from actionhero.settings import errors as faults
from actionhero.settings.loaded import LoadedSettings
from actionhero.settings.sources import Origin, OriginKind, SettingValue, Sources
from actionhero.settings.text import annotation_at, counts_as_unset, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from actionhero.settings.errors import SettingError
    from actionhero.settings.model import Settings

Aliases = dict[str, tuple[str, str]]


def load_settings(
    classes: Iterable[type[Settings]], sources: Sources, *, instances: Iterable[Settings] = ()
) -> LoadedSettings:
    """Load one instance of each settings class.

    Args:
        classes: The section classes of core, of every active plugin and of the application.
        sources: What was read.
        instances: Settings given in code, as tests do. The fields that were set in them win over
            every source.

    Raises:
        ConfigurationError: Two classes claim one section or variable; or something given is wrong,
            and then the message lists everything that is.
    """
    sections = _sections(classes)
    aliases = _aliases(sections.values())
    given = [*sources.given(aliases), *_in_code(instances)]
    drafts = {name: _Draft(model) for name, model in sections.items()}
    found: list[SettingError] = []
    for one in given:
        found += _place(one, sections, drafts)
    loaded: dict[type[Settings], Settings] = {}
    for draft in drafts.values():
        try:
            loaded[draft.model] = draft.model.model_validate(
                draft.values, context={"root": sources.root, "environment": sources.environment}
            )
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False)
            found += draft.faults(details)
    # Outside of the `except`, so that pydantic's error, which holds the values, is no part of it.
    if found:
        raise faults.refusal(found)
    origins = {
        (name, key): tuple(contributions)
        for name, draft in drafts.items()
        for key, contributions in draft.given.items()
    }
    return LoadedSettings(loaded, origins, root=sources.root, environment=sources.environment)


class _Draft:
    """One section while it is put together."""

    def __init__(self, model: type[Settings]) -> None:
        self.model = model
        self.values: dict[str, Any] = {}
        #: By key, what its value is made of: one that was given, or several tables in one.
        self.given: dict[str, list[SettingValue]] = {}
        #: Keys that were given and could not be read: they are wrong, but not missing.
        self.refused: set[str] = set()

    def put(self, given: SettingValue) -> list[SettingError]:
        """Add what was given to the section, over what is there."""
        key, *inside = given.path[1:]
        field = self.model.model_fields.get(key)
        if field is None:
            return [faults.unknown_key(given, self.model)]
        value = given.value
        if given.is_text:
            annotation = annotation_at(field.annotation, tuple(inside))
            if counts_as_unset(value, annotation):
                return []
            try:
                value = value_of(value, annotation)
            except ValueError as error:
                self.refused.add(key)
                return [faults.bad_text(given, field, str(error))]
        for name in reversed(inside):
            value = {name: value}
        before = self.values.get(key)
        is_part = bool(inside) or given.origin.kind is OriginKind.FILE
        if is_part and isinstance(value, dict) and isinstance(before, dict):
            self.values[key] = _merged(before, value)
            self.given[key].append(given)
        else:
            self.values[key] = value
            self.given[key] = [given]
        return []

    def faults(self, details: list[ErrorDetails]) -> list[SettingError]:
        """Return what pydantic refused, in words for whoever gave it."""
        found: list[SettingError] = []
        for path, same in _by_place(details, self.values).items():
            first = same[0]
            if first["type"] == "default_factory_not_called":
                # It would have looked at another setting, which is told already.
                continue
            if not path:
                found += [faults.whole_section(self.model, self.values, one) for one in same]
            elif first["type"] == "missing":
                if path[0] in self.refused:
                    continue
                found.append(faults.missing(self.model.section, ".".join(path)))
            else:
                found.append(self._fault(path, same))
        return found

    def _fault(self, path: tuple[str, ...], details: list[ErrorDetails]) -> SettingError:
        full = (self.model.section, *path)
        field = self.model.model_fields[path[0]]
        given = self._giver(full)
        if details[0]["type"] == "extra_forbidden" and given is not None:
            group = _group_at(field, path[1:-1])
            if group is not None:
                return faults.unknown_key(given, group, path=full)
        return faults.bad_value(full, given, field, self.values.get(path[0]), details)

    def _giver(self, path: tuple[str, ...]) -> SettingValue | None:
        """Return what gave the value at `path`: the last one that has it in it."""
        givers = self.given.get(path[1], [])
        for given in reversed(givers):
            shared = min(len(path), len(given.path))
            if path[:shared] == given.path[:shared] and _has(given, path[len(given.path) :]):
                return given
        return givers[-1] if givers else None


def _sections(classes: Iterable[type[Settings]]) -> dict[str, type[Settings]]:
    sections: dict[str, type[Settings]] = {}
    for model in classes:
        name = getattr(model, "section", "")
        if not name.isidentifier() or name != name.lower() or "__" in name:
            raise ConfigurationError(
                f"settings {_full_name(model)!r} have the section {name!r}; a section is named "
                f"with lowercase letters, digits and single underscores"
            )
        other = sections.setdefault(name, model)
        if other is not model:
            raise ConfigurationError(
                f"settings section {name!r} is claimed by {_full_name(other)!r} and by "
                f"{_full_name(model)!r}; rename one, or switch off one of the plugins"
            )
    return sections


def _aliases(classes: Iterable[type[Settings]]) -> Aliases:
    aliases: Aliases = {}
    for model in classes:
        for variable, key in model.env_aliases.items():
            if key not in model.model_fields:
                raise ConfigurationError(
                    f"settings {_full_name(model)!r} take the variable {variable!r} for "
                    f"{key!r}, which is not one of their fields; there are: "
                    f"{', '.join(model.model_fields) or 'none'}"
                )
            other = aliases.setdefault(variable, (model.section, key))
            if other != (model.section, key):
                raise ConfigurationError(
                    f"variable {variable!r} is claimed for {'.'.join(other)!r} and for "
                    f"{f'{model.section}.{key}'!r}; take it out of the env_aliases of one"
                )
    return aliases


def _in_code(instances: Iterable[Settings]) -> Iterable[SettingValue]:
    for settings in instances:
        for key in type(settings).model_fields:
            if key in settings.model_fields_set:
                path = (settings.section, key)
                yield SettingValue(
                    path, getattr(settings, key), Origin(OriginKind.CODE, ".".join(path))
                )


def _place(
    given: SettingValue, sections: Mapping[str, type[Settings]], drafts: Mapping[str, _Draft]
) -> list[SettingError]:
    """Put what was given where it belongs, or return why it belongs nowhere."""
    if given.path[0] not in sections:
        return [faults.unknown_section(given, sections)]
    if len(given.path) > 1:
        return drafts[given.path[0]].put(given)
    if given.origin.kind is not OriginKind.FILE:
        return [faults.unknown_section(given, sections)]
    # An empty table is an empty section, also as `web:` with nothing below it in YAML.
    return [] if given.value in ({}, None) else [faults.not_a_table(given)]


def _merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for key, value in after.items():
        inner = merged.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            merged[key] = _merged(inner, value)
        else:
            merged[key] = value
    return merged


def _by_place(
    details: Iterable[ErrorDetails], values: Mapping[str, Any]
) -> dict[tuple[str, ...], list[ErrorDetails]]:
    """Group what pydantic says by the place in `values` that it is about.

    Its locations also have the members of a union in them, which are no places.
    """
    places: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for detail in details:
        location = detail["loc"]
        path: tuple[str, ...] = ()
        inner: Any = values
        for count, part in enumerate(location, start=1):
            if _is_in(part, inner):
                inner = inner[part]
            elif path and not (detail["type"] == "missing" and count == len(location)):
                continue
            path = (*path, str(part))
        places.setdefault(path, []).append(detail)
    return places


def _is_in(part: int | str, value: Any) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def _group_at(field: FieldInfo, path: tuple[str, ...]) -> type[BaseModel] | None:
    for member in members(annotation_at(field.annotation, path)):
        if isinstance(member, type) and issubclass(member, BaseModel):
            return member
    return None


def _has(given: SettingValue, inside: tuple[str, ...]) -> bool:
    value = given.value
    for part in inside:
        if not isinstance(value, dict):
            return True
        if part not in value:
            return False
        value = value[part]
    return True


def _full_name(model: type[Settings]) -> str:
    return f"{model.__module__}.{model.__qualname__}"
