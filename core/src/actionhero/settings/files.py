"""`SettingsFile`: finding, reading and pointing into a settings file (TOML, YAML or JSON)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actionhero.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The formats of a settings file, by the ending of its name.
FORMATS = (".toml", ".yaml", ".yml", ".json")
STEM = "actionhero"
PYPROJECT = "pyproject.toml"

Lines = dict[tuple[str, ...], int]


@dataclass(frozen=True)
class SettingsFile:
    """One settings file as it was read."""

    path: Path
    #: Sections, and whatever else stands at the top of the file.
    tables: Mapping[str, Any] = field(repr=False)
    text: str = field(repr=False)
    #: Where in the file the tables are: `("tool", "actionhero")` in `pyproject.toml`.
    within: tuple[str, ...] = ()

    def line_of(self, path: tuple[str, ...]) -> int | None:
        """Return the line of a dotted key, or of what it lies in, from 1; `None` if unknown."""
        for end in range(len(path), 0, -1):
            if line := self._lines.get((*self.within, *path[:end])):
                return line
        return None

    @cached_property
    def _lines(self) -> Lines:
        return _LINES[self.path.suffix](self.text)


def shown_path(path: Path) -> str:
    """Return `path` as a reader would write it: relative if it lies below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def find_settings_file(folder: Path) -> SettingsFile | None:
    """Read the one settings file of `folder`, or return `None` if it has none.

    Raises:
        ConfigurationError: There are several, or the one there is cannot be read.
    """
    found = [read_settings_file(path) for path in _candidates(folder, STEM)]
    project = folder / PYPROJECT
    if project.is_file() and (file := _read_pyproject(project)):
        found.append(file)
    return _the_only_one(found)


def find_overlay(folder: Path, stem: str, environment: str) -> SettingsFile | None:
    """Read `<stem>.<environment>.toml` (or another format) of `folder`, if there is one.

    Raises:
        ConfigurationError: There are several, or the one there is cannot be read.
    """
    found = [read_settings_file(path) for path in _candidates(folder, f"{stem}.{environment}")]
    return _the_only_one(found)


def read_settings_file(path: Path) -> SettingsFile:
    """Read the settings file at `path`.

    Raises:
        ConfigurationError: It is not there, is of an unknown format, or cannot be parsed.
    """
    if path.name == PYPROJECT:
        return _read_pyproject(path) or SettingsFile(path, {}, "", ("tool", STEM))
    if path.suffix not in FORMATS:
        raise ConfigurationError(
            f"settings file {shown_path(path)!r} is of an unknown format; "
            f"name it so that it ends in one of {', '.join(FORMATS)}"
        )
    text = _read_text(path)
    return SettingsFile(path, _tables(path, _parse(path, text)), text)


def _candidates(folder: Path, stem: str) -> list[Path]:
    paths = [folder / f"{stem}{ending}" for ending in FORMATS]
    return [path for path in paths if path.is_file()]


def _the_only_one(found: list[SettingsFile]) -> SettingsFile | None:
    if len(found) > 1:
        names = ", ".join(repr(shown_path(file.path)) for file in found)
        raise ConfigurationError(
            f"settings are in several files, and only one is read: {names}; keep one of them"
        )
    return found[0] if found else None


def _read_pyproject(path: Path) -> SettingsFile | None:
    text = _read_text(path)
    # Most projects have this file and few have our table in it: do not parse it in vain.
    if STEM not in text:
        return None
    tool = _parse(path, text).get("tool", {})
    if STEM not in tool:
        return None
    return SettingsFile(path, _tables(path, tool[STEM]), text, ("tool", STEM))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"settings file {shown_path(path)!r} cannot be read: {reason}"
        ) from error


def _parse(path: Path, text: str) -> Any:
    if path.suffix == ".toml":
        return _parse_toml(path, text)
    if path.suffix == ".json":
        return _parse_json(path, text)
    return _parse_yaml(path, text)


def _tables(path: Path, parsed: object) -> Mapping[str, Any]:
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise ConfigurationError(
            f"settings file {shown_path(path)!r} must be a table of sections, "
            f"and it is {type(parsed).__name__!r}"
        )
    return _with_text_keys(parsed)


def _with_text_keys(table: Mapping[Any, Any]) -> dict[str, Any]:
    """Return `table` with keys of text all the way down: YAML has others, such as `on`."""
    return {
        str(key): _with_text_keys(value) if isinstance(value, dict) else value
        for key, value in table.items()
    }


def _parse_toml(path: Path, text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Its message ends in the line and column.
        raise ConfigurationError(
            f"settings file {shown_path(path)!r} is not valid TOML: {error}"
        ) from error


def _parse_json(path: Path, text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"settings file {shown_path(path)!r} is not valid JSON: {error.msg} "
            f"(at line {error.lineno}, column {error.colno})"
        ) from error


def _parse_yaml(path: Path, text: str) -> Any:
    try:
        yaml = import_module("yaml")
    except ImportError as error:
        raise ConfigurationError(
            f"settings file {shown_path(path)!r} needs PyYAML, which is not installed; "
            f"pip install 'actionhero[yaml]', or write it as TOML"
        ) from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (at line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        # Without its cause: a YAML error quotes the line, and that may hold a password.
        raise ConfigurationError(
            f"settings file {shown_path(path)!r} is not valid YAML: {problem}{place}"
        ) from None


_TOML_KEY = r"""(?:"[^"\n]*"|'[^'\n]*'|[\w-]+)"""
_TOML_DOTTED = rf"{_TOML_KEY}(?:[ \t]*\.[ \t]*{_TOML_KEY})*"
_TOML_LINE = re.compile(
    rf"^[ \t]*(?:\[\[?[ \t]*(?P<table>{_TOML_DOTTED})[ \t]*\]|(?P<key>{_TOML_DOTTED})[ \t]*=)"
)
_JSON_TOKEN = re.compile(r'(?P<key>"(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|(?P<mark>[{}\[\]])')


def _toml_lines(text: str) -> Lines:
    lines: Lines = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        match = _TOML_LINE.match(line)
        if match is None:
            continue
        parts = tuple(
            part.strip("\"'") for part in re.findall(_TOML_KEY, match["table"] or match["key"])
        )
        if match["table"]:
            table = parts
        lines.setdefault(table if match["table"] else (*table, *parts), number)
    return lines


def _json_lines(text: str) -> Lines:
    import json

    lines: Lines = {}
    #: The key that is being read, for each object or list we are in; a list has none.
    keys: list[str | None] = []
    for match in _JSON_TOKEN.finditer(text):
        if match["mark"] in ("{", "["):
            keys.append(None)
        elif match["mark"]:
            keys.pop()
        elif match["key"]:
            keys[-1] = json.loads(match["key"])
            if None not in keys:
                path = tuple(key for key in keys if key is not None)
                lines[path] = text.count("\n", 0, match.start()) + 1
    return lines


def _yaml_lines(text: str) -> Lines:
    yaml = import_module("yaml")
    lines: Lines = {}

    def walk(node: Any, path: tuple[str, ...]) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            inner = (*path, str(key.value))
            lines[inner] = key.start_mark.line + 1
            walk(value, inner)

    walk(yaml.compose(text, Loader=yaml.SafeLoader), ())
    return lines


_LINES = {
    ".toml": _toml_lines,
    ".json": _json_lines,
    ".yaml": _yaml_lines,
    ".yml": _yaml_lines,
}
