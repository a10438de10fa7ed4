"""`Sources`: every place that settings come from, read with the standard library alone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast, get_args

from actionhero.errors import ConfigurationError
from actionhero.settings.files import (
    PYPROJECT,
    STEM,
    SettingsFile,
    find_overlay,
    find_settings_file,
    read_settings_file,
    shown_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Environment = Literal["development", "test", "production"]

ENVIRONMENTS: Final[tuple[str, ...]] = get_args(Environment)
ENVIRONMENT_VARIABLE: Final = "ACTIONHERO_ENV"
PREFIX: Final = "ACTIONHERO_"

#: Variables that begin like a setting and are none: what they are for, by name.
PROCESS_VARIABLES: Final[Mapping[str, str]] = {
    ENVIRONMENT_VARIABLE: "the environment: development (default), test or production",
    "ACTIONHERO_TRACE_HOOKS": "print every hook call, its implementations and results",
}

#: What Kubernetes (and Docker's links) set in every container beside a service called `actionhero`
#: or `actionhero-…`. Nobody wrote them, so nobody is told that they are wrong.
_SERVICE_LINK = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


class OriginKind(StrEnum):
    """The kinds of places that a value may come from; a later one wins over an earlier."""

    DEFAULT = "default"
    FILE = "file"
    DOTENV = ".env"
    VARIABLE = "variable"
    COMMAND_LINE = "command line"
    CODE = "code"


@dataclass(frozen=True)
class Origin:
    """Where one value comes from. Its text says so: `actionhero.toml:3 web.port`."""

    kind: OriginKind
    #: The variable, or the dotted key.
    name: str = ""
    path: tuple[str, ...] = ()
    file: SettingsFile | Path | None = field(default=None, repr=False)
    _line: int | None = None

    @property
    def line(self) -> int | None:
        """The line in the file, counted from 1, where there is a file and the line is known."""
        if isinstance(self.file, SettingsFile):
            return self.file.line_of(self.path)
        return self._line

    @property
    def is_variable(self) -> bool:
        """Whether it is a variable, of the environment or of a `.env` file."""
        return self.kind in (OriginKind.VARIABLE, OriginKind.DOTENV)

    def inside(self, rest: tuple[str, ...]) -> Origin:
        """Return the origin of a value that lies further inside of this one."""
        if not rest:
            return self
        return replace(self, name=".".join((self.name, *rest)), path=(*self.path, *rest))

    def __str__(self) -> str:
        if self.file is not None:
            path = self.file.path if isinstance(self.file, SettingsFile) else self.file
            line = f":{self.line}" if self.line else ""
            return f"{shown_path(path)}{line} {self.name}"
        if self.kind is OriginKind.VARIABLE:
            return self.name
        return f"{self.kind} {self.name}".rstrip()


class Variable(NamedTuple):
    """A variable of the environment or of a `.env` file."""

    text: str
    #: The line in `.env`, counted from 1.
    line: int | None = None


@dataclass(frozen=True)
class SettingValue:
    """One value that somebody gave, as it was written."""

    #: Section, key, and further keys inside of that.
    path: tuple[str, ...]
    value: Any = field(repr=False)
    origin: Origin

    @property
    def is_text(self) -> bool:
        """Whether the value is text only because its source knows nothing else."""
        typed = (OriginKind.FILE, OriginKind.CODE)
        return isinstance(self.value, str) and self.origin.kind not in typed


@dataclass(frozen=True)
class BootSettings:
    """What must be known before plugins can be found."""

    #: The folder of the settings file: relative paths in settings begin here.
    root: Path
    environment: Environment
    #: The package of the application, as it is imported.
    package: str | None
    #: Names of the only plugins to switch on; `None` for all that are installed.
    enabled: tuple[str, ...] | None
    #: Names of plugins to switch off.
    disabled: tuple[str, ...]


@dataclass(frozen=True)
class Sources:
    """Everything that was found at the sources, not yet judged."""

    root: Path
    environment: Environment
    #: The settings file, then that of the environment, as far as there are any.
    files: tuple[SettingsFile, ...] = ()
    dotenv_path: Path | None = None
    dotenv: Mapping[str, Variable] = field(default_factory=dict, repr=False)
    environ: Mapping[str, Variable] = field(default_factory=dict, repr=False)
    command_line: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def with_command_line(self, sections: Mapping[str, Mapping[str, Any]]) -> Sources:
        """Return the same, with further values by section and key; `None` is *not given*."""
        merged = {name: dict(keys) for name, keys in self.command_line.items()}
        for name, keys in sections.items():
            merged.setdefault(name, {}).update(keys)
        return replace(self, command_line=merged)

    def given(self, aliases: Mapping[str, tuple[str, str]]) -> Iterator[SettingValue]:
        """Yield each value that was given, the one that wins last.

        Args:
            aliases: Section and key by the name of a variable that everyone knows, such as `PORT`.
                Within one source the variable that is named after the setting wins over it.
        """
        for file in self.files:
            yield from _in_file(file)
        yield from self._in_variables(OriginKind.DOTENV, self.dotenv, aliases)
        yield from self._in_variables(OriginKind.VARIABLE, self.environ, aliases)
        for section, keys in self.command_line.items():
            for key, value in keys.items():
                if value is not None:
                    origin = Origin(OriginKind.COMMAND_LINE, f"{section}.{key}", (section, key))
                    yield SettingValue((section, key), value, origin)

    def boot(self) -> BootSettings:
        """Return what must be known before plugins can be found.

        A value of the wrong type is passed over here. It is reported with all others when the
        settings are loaded.
        """
        package: str | None = None
        enabled: tuple[str, ...] | None = None
        disabled: tuple[str, ...] = ()
        for given in self.given({}):
            if given.path == ("app", "package") and isinstance(given.value, str) and given.value:
                package = given.value
            elif given.path == ("plugins", "enabled"):
                enabled = _names(given, otherwise=enabled)
            elif given.path == ("plugins", "disabled"):
                disabled = _names(given, otherwise=disabled)
        return BootSettings(self.root, self.environment, package, enabled, disabled)

    def _in_variables(
        self,
        kind: OriginKind,
        variables: Mapping[str, Variable],
        aliases: Mapping[str, tuple[str, str]],
    ) -> Iterator[SettingValue]:
        file = self.dotenv_path if kind is OriginKind.DOTENV else None
        for name, path in aliases.items():
            # `PORT=` is how a compose file or a platform says that it has no port for us.
            if (variable := variables.get(name)) and variable.text:
                yield SettingValue(
                    path, variable.text, Origin(kind, name, path, file, variable.line)
                )
        # The whole of a setting before its parts, so that a part may change the whole.
        for name in sorted(variables, key=lambda name: (name.count("__"), name)):
            if _is_setting(name, variables[name].text):
                text, line = variables[name]
                keys = tuple(name.removeprefix(PREFIX).lower().split("__"))
                yield SettingValue(keys, text, Origin(kind, name, keys, file, line))


def read_sources(
    location: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    command_line: Mapping[str, Mapping[str, Any]] | None = None,
) -> Sources:
    """Read every source of settings. Nothing is looked for outside of one folder.

    Args:
        location: A settings file, or the folder it lies in. The current folder where left out.
        environ: The environment variables; those of the process where left out.
        command_line: Values by section and key; `None` is *not given*.

    Raises:
        ConfigurationError: There are several settings files, one cannot be read, or the name of
            the environment is unknown.
    """
    environ = os.environ if environ is None else environ
    location = (location or Path()).absolute()
    if not location.exists():
        raise ConfigurationError(f"settings file {shown_path(location)!r} does not exist")
    root = location if location.is_dir() else location.parent
    dotenv_path = root / ".env"
    dotenv = _read_dotenv(dotenv_path, environ) if dotenv_path.is_file() else {}
    environment = _environment(environ, dotenv, dotenv_path)
    base = find_settings_file(root) if location == root else read_settings_file(location)
    stem = STEM if location == root or location.name == PYPROJECT else location.stem
    overlay = find_overlay(root, stem, environment)
    return Sources(
        root=root,
        environment=environment,
        files=tuple(file for file in (base, overlay) if file),
        dotenv_path=dotenv_path,
        dotenv=dotenv,
        environ={name: Variable(text) for name, text in environ.items()},
        command_line=command_line or {},
    )


def listed(text: str) -> list[str]:
    """Return the items of `a,b`, without the space around them."""
    return [item.strip() for item in text.split(",") if item.strip()]


def _environment(
    environ: Mapping[str, str], dotenv: Mapping[str, Variable], dotenv_path: Path
) -> Environment:
    name, origin = environ.get(ENVIRONMENT_VARIABLE, ""), ENVIRONMENT_VARIABLE
    if not name and ENVIRONMENT_VARIABLE in dotenv:
        name, line = dotenv[ENVIRONMENT_VARIABLE]
        origin = f"{shown_path(dotenv_path)}:{line} {ENVIRONMENT_VARIABLE}"
    if name and name not in ENVIRONMENTS:
        allowed = ", ".join(repr(name) for name in ENVIRONMENTS)
        raise ConfigurationError(f"{origin}: {name!r} is not an environment; there are: {allowed}")
    return cast("Environment", name or "development")


def _read_dotenv(path: Path, environ: Mapping[str, str]) -> dict[str, Variable]:
    """Read a `.env` file; `${NAME}` in a value stands for an earlier or a real variable."""
    # Imported here because most starts have no such file.
    from dotenv.parser import parse_stream
    from dotenv.variables import parse_variables

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"{shown_path(path)!r} cannot be read: {reason}") from error
    variables: dict[str, Variable] = {}
    for binding in parse_stream(StringIO(text)):
        # What was read begins with the empty lines before it.
        read = binding.original.string
        blank = read[: len(read) - len(read.lstrip())].count("\n")
        line = binding.original.line + blank
        if binding.error:
            # The line itself is not shown: it may hold a password.
            raise ConfigurationError(
                f"{shown_path(path)}:{line}: this line cannot be read; write NAME=value, "
                f"with quotes around a value that has quotes or # in it"
            )
        if binding.key is None or binding.value is None:
            continue
        value = binding.value
        if "${" in value:
            known = {name: variable.text for name, variable in variables.items()} | dict(environ)
            value = "".join(atom.resolve(known) for atom in parse_variables(value))
        variables[binding.key] = Variable(value, line)
    return variables


def _in_file(file: SettingsFile) -> Iterator[SettingValue]:
    for section, table in file.tables.items():
        # What is no section is yielded too, and an empty section, so that a wrong name is noticed.
        values = table if table and isinstance(table, dict) else {None: table}
        for key, value in values.items():
            path = (section,) if key is None else (section, key)
            dotted = ".".join((*file.within, *path))
            yield SettingValue(path, value, Origin(OriginKind.FILE, dotted, path, file))


def _is_setting(name: str, text: str) -> bool:
    if not name.startswith(PREFIX) or name in PROCESS_VARIABLES:
        return False
    if "__" in name:
        return True
    is_address = name.endswith("_PORT") and _SERVICE_ADDRESS.match(text)
    return not (is_address or _SERVICE_LINK.search(name))


def _names(given: SettingValue, otherwise: Any) -> Any:
    value = given.value
    if given.is_text:
        if not value.strip():
            return otherwise
        value = _json_or_none(value) if value.lstrip().startswith("[") else listed(value)
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return tuple(value)
    return otherwise


def _json_or_none(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None
