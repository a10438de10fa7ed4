"""`SettingsFile`: how a settings file (TOML, YAML or JSON) is found, parsed and located by line."""

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

#: The suffixes of settings files.
SUFFIXES = (".toml", ".yaml", ".yml", ".json")
STEM = "actionhero"
PYPROJECT = "pyproject.toml"

LineNumbers = dict[tuple[str, ...], int]


@dataclass(frozen=True)
class SettingsFile:
    """The contents of one settings file."""

    path: Path
    #: The sections, and all other top-level values.
    tables: Mapping[str, Any] = field(repr=False)
    text: str = field(repr=False)
    #: The keys above the sections: `("tool", "actionhero")` in `pyproject.toml`.
    prefix: tuple[str, ...] = ()

    def line_of(self, path: tuple[str, ...]) -> int | None:
        """Return the line of a key, or else of the nearest table around it, from 1."""
        for end in range(len(path), 0, -1):
            if line := self._line_numbers.get((*self.prefix, *path[:end])):
                return line
        return None

    @cached_property
    def _line_numbers(self) -> LineNumbers:
        return _LINE_NUMBERS[self.path.suffix](self.text)


def relative_path(path: Path) -> str:
    """Return `path` relative to the current folder, or whole if it is outside of it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def find_settings_file(folder: Path) -> SettingsFile | None:
    """Read the settings file of `folder`, or return `None` if there is none.

    Raises:
        ConfigurationError: There are several, or it is unreadable.
    """
    files = _read_existing(folder, STEM)
    project = folder / PYPROJECT
    if project.is_file() and (file := _read_pyproject(project)):
        files.append(file)
    return _single(files)


def find_overlay(folder: Path, stem: str, environment: str) -> SettingsFile | None:
    """Read `<stem>.<environment>.toml`, or that of another format, or return `None`.

    Raises:
        ConfigurationError: There are several, or it is unreadable.
    """
    return _single(_read_existing(folder, f"{stem}.{environment}"))


def read_settings_file(path: Path) -> SettingsFile:
    """Read the settings file at `path`.

    Raises:
        ConfigurationError: It does not exist, has an unknown format, or is not valid.
    """
    if path.name == PYPROJECT:
        return _read_pyproject(path) or SettingsFile(path, {}, "", ("tool", STEM))
    if path.suffix not in SUFFIXES:
        raise ConfigurationError(
            f"settings file {relative_path(path)!r} has an unknown format; "
            f"use one of the suffixes {', '.join(SUFFIXES)}"
        )
    text = read_text(path)
    return SettingsFile(path, _tables(path, _parse(path, text)), text)


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        ConfigurationError: It is unreadable.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"cannot read settings file {relative_path(path)!r}: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        # Without its cause, which contains the whole file, and perhaps a password.
        raise ConfigurationError(
            f"cannot read settings file {relative_path(path)!r}: it is not UTF-8 text (at line "
            f"{line})"
        ) from None


def _read_existing(folder: Path, stem: str) -> list[SettingsFile]:
    paths = [folder / f"{stem}{suffix}" for suffix in SUFFIXES]
    return [read_settings_file(path) for path in paths if path.is_file()]


def _single(files: list[SettingsFile]) -> SettingsFile | None:
    if len(files) > 1:
        names = ", ".join(repr(relative_path(file.path)) for file in files)
        raise ConfigurationError(f"found several settings files: {names}; keep one of them")
    return files[0] if files else None


def _read_pyproject(path: Path) -> SettingsFile | None:
    text = read_text(path)
    # Most projects have this file, and few have a table for us: it is not parsed in vain.
    if STEM not in text:
        return None
    tool = _parse(path, text).get("tool", {})
    if STEM not in tool:
        return None
    return SettingsFile(path, _tables(path, tool[STEM]), text, ("tool", STEM))


def _tables(path: Path, parsed: object) -> Mapping[str, Any]:
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise ConfigurationError(
            f"settings file {relative_path(path)!r} must contain a table of sections, "
            f"not {type(parsed).__name__!r}"
        )
    return _with_text_keys(parsed)


def _with_text_keys(table: Mapping[Any, Any]) -> dict[str, Any]:
    """Return `table` with text keys at every depth: YAML has others, such as `on`."""
    return {
        str(key): _with_text_keys(value) if isinstance(value, dict) else value
        for key, value in table.items()
    }


def _parse(path: Path, text: str) -> Any:
    if path.suffix in (".yaml", ".yml"):
        return _parse_yaml(path, text)
    parser = import_module("tomllib" if path.suffix == ".toml" else "json")
    try:
        return parser.loads(text)
    except ValueError as error:
        # The message ends with the line and column.
        raise ConfigurationError(
            f"settings file {relative_path(path)!r} is not valid {path.suffix[1:].upper()}: {error}"
        ) from error


def _parse_yaml(path: Path, text: str) -> Any:
    try:
        yaml = import_module("yaml")
    except ImportError as error:
        raise ConfigurationError(
            f"settings file {relative_path(path)!r} requires PyYAML, which is not installed; "
            f"pip install 'actionhero[yaml]', or write it as TOML"
        ) from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (at line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        problem = getattr(error, "problem", None) or "syntax error"
        # Without its cause: a YAML error quotes the line, which may contain a password.
        raise ConfigurationError(
            f"settings file {relative_path(path)!r} is not valid YAML: {problem}{place}"
        ) from None


_TOML_KEY = r"""(?:"[^"\n]*"|'[^'\n]*'|[\w-]+)"""
_TOML_DOTTED = rf"{_TOML_KEY}(?:[ \t]*\.[ \t]*{_TOML_KEY})*"
_TOML_LINE = re.compile(
    rf"^[ \t]*(?:\[\[?[ \t]*(?P<table>{_TOML_DOTTED})[ \t]*\]|(?P<key>{_TOML_DOTTED})[ \t]*=)"
)
_JSON_TOKEN = re.compile(r'(?P<key>"(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|(?P<bracket>[{}\[\]])')


def _toml_line_numbers(text: str) -> LineNumbers:
    lines: LineNumbers = {}
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


def _json_line_numbers(text: str) -> LineNumbers:
    import json

    lines: LineNumbers = {}
    #: The current key of each object or list around the token; `None` in a list.
    keys: list[str | None] = []
    for match in _JSON_TOKEN.finditer(text):
        if match["bracket"] in ("{", "["):
            keys.append(None)
        elif match["bracket"]:
            keys.pop()
        elif match["key"]:
            keys[-1] = json.loads(match["key"])
            if None not in keys:
                path = tuple(key for key in keys if key is not None)
                lines[path] = text.count("\n", 0, match.start()) + 1
    return lines


def _yaml_line_numbers(text: str) -> LineNumbers:
    yaml = import_module("yaml")
    lines: LineNumbers = {}

    def walk(node: Any, path: tuple[str, ...]) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            inner = (*path, str(key.value))
            lines[inner] = key.start_mark.line + 1
            walk(value, inner)

    walk(yaml.compose(text, Loader=yaml.SafeLoader), ())
    return lines


_LINE_NUMBERS = {
    ".toml": _toml_line_numbers,
    ".json": _json_line_numbers,
    ".yaml": _yaml_line_numbers,
    ".yml": _yaml_line_numbers,
}
