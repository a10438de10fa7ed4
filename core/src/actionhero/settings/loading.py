"""`load_settings`: validates the values of all sources."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from actionhero.errors import ConfigurationError
from actionhero.inputs.annotations import members
from actionhero.inputs.problems import location_in
from actionhero.settings import errors
from actionhero.settings.loaded import LoadedSettings
from actionhero.settings.model import annotation_at, parse_text
from actionhero.settings.values import Origin, OriginKind, SettingValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_core import ErrorDetails

    from actionhero.settings.errors import SettingError
    from actionhero.settings.model import Settings
    from actionhero.settings.sources import Sources


def load_settings(
    classes: Iterable[type[Settings]],
    sources: Sources,
    *,
    instances: Iterable[Settings] = (),
    tolerates_errors: bool = False,
    are_all: bool = True,
) -> LoadedSettings:
    """Load one instance of each settings class.

    Args:
        classes: The section classes of core, of each active plugin and of the application.
        sources: The contents of the sources.
        instances: Settings from code, as in tests. The fields that are set in them override
            every source.
        tolerates_errors: Whether invalid values are left out and recorded in `errors` of the
            result. A section that is invalid without them has its defaults, or is left out.
        are_all: Whether other sections are an error: not if a plugin has failed.

    Raises:
        ConfigurationError: Two classes have the same section or variable, or values are invalid.
            The message lists all errors.
    """
    sections = _sections(classes)
    aliases = _aliases(sections.values())
    values = [*sources.values(aliases), *_code_values(instances)]
    drafts = {name: _SectionDraft(model) for name, model in sections.items()}
    problems: list[SettingError] = []
    for setting in values:
        path = setting.path[:2]
        if not are_all and path[0] not in sections:
            continue
        problems += [error._replace(path=path) for error in _add(setting, sections, drafts)]
    context = {"root": sources.root, "environment": sources.environment}
    loaded: dict[type[Settings], Settings] = {}
    for draft in drafts.values():
        invalid: list[SettingError] = []
        try:
            loaded[draft.model] = draft.model.model_validate(draft.values, context=context)
        except ValidationError as error:
            invalid = draft.validation_errors(
                error.errors(include_url=False, include_context=False)
            )
        # Outside of the `except`, so that the error of pydantic, which contains the values, is not
        # the context of another error.
        if invalid and tolerates_errors:
            draft.remove({error.path[1] for error in invalid if len(error.path) > 1})
            if (settings := draft.valid_settings(context)) is not None:
                loaded[draft.model] = settings
        problems += invalid
    if problems and not tolerates_errors:
        raise errors.configuration_error(problems)
    contributions = {
        (name, key): tuple(settings)
        for name, draft in drafts.items()
        for key, settings in draft.contributions.items()
    }
    return LoadedSettings(
        loaded,
        contributions,
        root=sources.root,
        environment=sources.environment,
        errors=tuple(dict.fromkeys(problems)),
    )


class _SectionDraft:
    """The values of one section, merged from all sources and not yet validated."""

    def __init__(self, model: type[Settings]) -> None:
        self.model = model
        self.values: dict[str, Any] = {}
        #: By key, the values that its value consists of: one, or several merged tables.
        self.contributions: dict[str, list[SettingValue]] = {}
        #: Keys with a value that cannot be parsed: they are invalid, but not missing.
        self.unparsed: set[str] = set()

    def add(self, setting: SettingValue) -> list[SettingError]:
        """Add a value, which overrides an earlier one."""
        key, *nested = setting.path[1:]
        field = self.model.model_fields.get(key)
        if field is None:
            return [errors.unknown_key(setting, self.model)]
        value = setting.value
        if setting.is_text:
            annotation = annotation_at(field.annotation, tuple(nested))
            try:
                value = parse_text(value, annotation)
            except ValueError as error:
                self.unparsed.add(key)
                return [errors.invalid_text(setting, field, str(error))]
        for name in reversed(nested):
            value = {name: value}
        previous = self.values.get(key)
        is_part = bool(nested) or setting.origin.kind is OriginKind.FILE
        if is_part and isinstance(value, dict) and isinstance(previous, dict):
            self.values[key] = _merge(previous, value)
            self.contributions[key].append(setting)
        else:
            self.values[key] = value
            self.contributions[key] = [setting]
        return []

    def validation_errors(self, details: list[ErrorDetails]) -> list[SettingError]:
        """Return the errors of pydantic as errors of settings."""
        result: list[SettingError] = []
        for path, group in _by_path(details, self.values).items():
            first = group[0]
            if first["type"] == "default_factory_not_called":
                # It requires another setting, whose error is listed already.
                continue
            section = self.model.section
            if not path:
                group_errors = [
                    errors.invalid_section(self.model, self.values, detail) for detail in group
                ]
            elif first["type"] == "missing":
                is_reported = path[0] in self.unparsed
                full_path = (section, *path)
                setting = self._contribution(full_path) if len(path) > 1 else None
                group_errors = [] if is_reported else [errors.missing(full_path, setting)]
            else:
                group_errors = [self._value_error(path, group)]
            result += [error._replace(path=(section, *path[:1])) for error in group_errors]
        return result

    def remove(self, keys: Iterable[str]) -> None:
        """Remove the values of keys."""
        for key in keys:
            self.values.pop(key, None)
            self.contributions.pop(key, None)

    def valid_settings(self, context: Mapping[str, Any]) -> Settings | None:
        """Return the section without the removed values, else with its defaults, if it is valid."""
        with contextlib.suppress(ValidationError):
            return self.model.model_validate(self.values, context=context)
        self.remove(list(self.values))
        with contextlib.suppress(ValidationError):
            return self.model.model_validate({}, context=context)
        return None

    def _value_error(self, path: tuple[str, ...], details: list[ErrorDetails]) -> SettingError:
        full_path = (self.model.section, *path)
        field = self.model.model_fields[path[0]]
        setting = self._contribution(full_path)
        if details[0]["type"] == "extra_forbidden" and setting is not None:
            for member in members(annotation_at(field.annotation, path[1:-1])):
                if isinstance(member, type) and issubclass(member, BaseModel):
                    return errors.unknown_key(setting, member, path=full_path)
        return errors.invalid_value(full_path, setting, field, self.values.get(path[0]), details)

    def _contribution(self, path: tuple[str, ...]) -> SettingValue | None:
        """Return the last contribution that contains the value at `path`."""
        contributions = self.contributions.get(path[1], [])
        for setting in reversed(contributions):
            shared = min(len(path), len(setting.path))
            if path[:shared] == setting.path[:shared] and _contains(
                setting.value, path[len(setting.path) :]
            ):
                return setting
        return contributions[-1] if contributions else None


def _sections(classes: Iterable[type[Settings]]) -> dict[str, type[Settings]]:
    sections: dict[str, type[Settings]] = {}
    for model in classes:
        name = getattr(model, "section", "")
        if not name.isidentifier() or name != name.lower() or "__" in name:
            raise ConfigurationError(
                f"settings {_full_name(model)!r} have the invalid section name {name!r}; use "
                f"lowercase letters, digits and single underscores"
            )
        other = sections.setdefault(name, model)
        if other is not model:
            raise ConfigurationError(
                f"settings section {name!r} is defined by both {_full_name(other)!r} and "
                f"{_full_name(model)!r}; rename one, or disable one of the plugins"
            )
    return sections


def _aliases(classes: Iterable[type[Settings]]) -> dict[str, tuple[str, str]]:
    aliases: dict[str, tuple[str, str]] = {}
    for model in classes:
        for variable, key in model.env_aliases.items():
            if key not in model.model_fields:
                raise ConfigurationError(
                    f"settings {_full_name(model)!r} map the variable {variable!r} to the unknown "
                    f"key {key!r}; available: {', '.join(model.model_fields) or 'none'}"
                )
            other = aliases.setdefault(variable, (model.section, key))
            if other != (model.section, key):
                raise ConfigurationError(
                    f"variable {variable!r} is an alias of both {'.'.join(other)!r} and "
                    f"{f'{model.section}.{key}'!r}; remove it from the env_aliases of one"
                )
    return aliases


def _code_values(instances: Iterable[Settings]) -> Iterable[SettingValue]:
    for settings in instances:
        for key in type(settings).model_fields:
            if key in settings.model_fields_set:
                path = (settings.section, key)
                yield SettingValue(
                    path, getattr(settings, key), Origin(OriginKind.CODE, ".".join(path))
                )


def _add(
    setting: SettingValue,
    sections: Mapping[str, type[Settings]],
    drafts: Mapping[str, _SectionDraft],
) -> list[SettingError]:
    """Add a value to its section, or return the reason that it has none."""
    if setting.path[0] not in sections:
        return [errors.unknown_section(setting, sections)]
    if len(setting.path) > 1:
        return drafts[setting.path[0]].add(setting)
    if setting.origin.kind is not OriginKind.FILE:
        return [errors.unknown_section(setting, sections)]
    # An empty table is an empty section, also as `web:` with nothing below it in YAML.
    return [] if setting.value in ({}, None) else [errors.not_a_table(setting)]


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        inner = merged.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            value = _merge(inner, value)
        merged[key] = value
    return merged


def _by_path(
    details: Iterable[ErrorDetails], values: Mapping[str, Any]
) -> dict[tuple[str, ...], list[ErrorDetails]]:
    """Group errors of pydantic by their path in `values`.

    Their locations also contain the members of unions, which are not keys.
    """
    groups: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for detail in details:
        # The first part is the key of a setting, also if the invalid value is its default.
        location = [str(part) for part in detail["loc"][:1]]
        if location:
            value, missing = values.get(location[0]), detail["type"] == "missing"
            location += map(str, location_in(value, detail["loc"][1:], (), missing=missing))
        groups.setdefault(tuple(location), []).append(detail)
    return groups


def _contains(value: Any, keys: tuple[str, ...]) -> bool:
    """Return whether `value` has a value under nested `keys`, or ends before the last of them."""
    for key in keys:
        if not isinstance(value, dict):
            return True
        if key not in value:
            return False
        value = value[key]
    return True


def _full_name(model: type[Settings]) -> str:
    return f"{model.__module__}.{model.__qualname__}"
