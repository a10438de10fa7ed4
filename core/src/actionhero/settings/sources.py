"""`Sources`: the files, variables and options that settings are read from, before validation.

It imports the standard library alone: every command reads the sources, also `--help`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
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
    read_text,
    relative_path,
)
from actionhero.settings.values import Origin, OriginKind, SettingValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Environment = Literal["development", "test", "production"]

ENVIRONMENTS: Final[tuple[str, ...]] = get_args(Environment)
ENVIRONMENT_VARIABLE: Final = "ACTIONHERO_ENV"
PREFIX: Final = "ACTIONHERO_"

#: Variables with the prefix of settings that are not settings, and their descriptions.
PROCESS_VARIABLES: Final[Mapping[str, str]] = {
    ENVIRONMENT_VARIABLE: "the environment: development (default), test or production",
    "ACTIONHERO_TRACE_HOOKS": "print every hook call, its implementations and results",
    "ACTIONHERO_URL": "the server on which `actionhero call` runs, with actionhero-remote",
    "ACTIONHERO_TOKEN": "the token for that server",
    "ACTIONHERO_PROFILE": "the profile of that server, as `actionhero login` stores it",
}

#: The variables that Kubernetes and Docker links set in each container for a service with a name
#: such as `actionhero` or `actionhero-web`. The user did not set them, so they are not errors.
_SERVICE_VARIABLE = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


class Variable(NamedTuple):
    """A variable of the environment or of a `.env` file."""

    text: str
    #: The line in `.env`, from 1.
    line: int | None = None


@dataclass(frozen=True)
class BootSettings:
    """The settings that are required to find plugins, before all others are loaded."""

    #: The folder of the settings file. Relative paths in settings are relative to it.
    root: Path
    environment: Environment
    #: The import name of the application package.
    package: str | None
    #: The names of the only plugins to enable; `None`: all installed plugins.
    enabled: tuple[str, ...] | None
    #: The names of plugins to disable.
    disabled: tuple[str, ...]


@dataclass(frozen=True)
class Sources:
    """The contents of all sources, before validation."""

    root: Path
    environment: Environment
    #: The settings file and the file of the environment, as far as they exist.
    files: tuple[SettingsFile, ...] = ()
    dotenv_path: Path | None = None
    dotenv: Mapping[str, Variable] = field(default_factory=dict, repr=False)
    environ: Mapping[str, Variable] = field(default_factory=dict, repr=False)
    command_line: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def values(self, aliases: Mapping[str, tuple[str, str]]) -> Iterator[SettingValue]:
        """Yield all values. Later ones override earlier ones.

        Args:
            aliases: Section and key by the name of a well-known variable, such as `PORT`. Within
                one source the variable with the prefix overrides it.
        """
        for file in self.files:
            yield from _file_values(file)
        yield from self._variable_values(OriginKind.DOTENV, self.dotenv, aliases)
        yield from self._variable_values(OriginKind.VARIABLE, self.environ, aliases)
        for section, keys in self.command_line.items():
            for key, value in keys.items():
                if value is not None:
                    origin = Origin(OriginKind.COMMAND_LINE, f"{section}.{key}", (section, key))
                    yield SettingValue((section, key), value, origin)

    def boot_settings(self) -> BootSettings:
        """Return the settings that are required to find plugins.

        A value of the wrong type is ignored here. It is reported when all settings are loaded.
        """
        package: str | None = None
        enabled: tuple[str, ...] | None = None
        disabled: tuple[str, ...] = ()
        for setting in self.values({}):
            if setting.path == ("app", "package") and isinstance(setting.value, str):
                package = setting.value.strip() or None
            elif setting.path == ("plugins", "enabled"):
                enabled = _plugin_names(setting, default=enabled)
            elif setting.path == ("plugins", "disabled"):
                disabled = _plugin_names(setting, default=disabled)
        return BootSettings(self.root, self.environment, package, enabled, disabled)

    def _variable_values(
        self,
        kind: OriginKind,
        variables: Mapping[str, Variable],
        aliases: Mapping[str, tuple[str, str]],
    ) -> Iterator[SettingValue]:
        file = self.dotenv_path if kind is OriginKind.DOTENV else None
        for name, path in aliases.items():
            # Compose files and hosting platforms write `PORT=` for an unset port.
            if (variable := variables.get(name)) and variable.text:
                yield SettingValue(
                    path, variable.text, Origin(kind, name, path, file, variable.line)
                )
        # A whole value before its parts, so that a part overrides the whole value.
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
    """Read all sources of settings. Files are searched for in one folder only.

    Args:
        location: A settings file, or its folder. Defaults to the current folder.
        environ: The environment variables. Defaults to those of the process.
        command_line: Values by section and key; `None` means unset.

    Raises:
        ConfigurationError: There are several settings files, one is unreadable, or the name of
            the environment is unknown.
    """
    environ = os.environ if environ is None else environ
    location = (location or Path()).absolute()
    if not location.exists():
        raise ConfigurationError(f"settings file {relative_path(location)!r} does not exist")
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


def read_variables(environ: Mapping[str, str] | None = None) -> Sources:
    """Return the variables of the environment alone, without any file.

    Args:
        environ: The environment variables. Defaults to those of the process.
    """
    environ = os.environ if environ is None else environ
    variables = {name: Variable(text) for name, text in environ.items()}
    # The application is in the folder, too.
    variables.pop("ACTIONHERO_APP__PACKAGE", None)
    return Sources(root=Path().absolute(), environment="development", environ=variables)


def split_list(text: str) -> list[str]:
    """Return the items of `a,b`, without the white space around them."""
    return [item.strip() for item in text.split(",") if item.strip()]


def _environment(
    environ: Mapping[str, str], dotenv: Mapping[str, Variable], dotenv_path: Path
) -> Environment:
    name, origin = environ.get(ENVIRONMENT_VARIABLE, ""), ENVIRONMENT_VARIABLE
    if not name and ENVIRONMENT_VARIABLE in dotenv:
        name, line = dotenv[ENVIRONMENT_VARIABLE]
        origin = f"{relative_path(dotenv_path)}:{line} {ENVIRONMENT_VARIABLE}"
    if name and name not in ENVIRONMENTS:
        allowed = ", ".join(repr(name) for name in ENVIRONMENTS)
        near = [each for each in ENVIRONMENTS if each[:3] == name[:3].lower()]
        hint = f"did you mean {near[0]!r}?" if near else f"available: {allowed}"
        raise ConfigurationError(f"{origin}: unknown environment {name!r}; {hint}")
    return cast("Environment", name or "development")


def _read_dotenv(path: Path, environ: Mapping[str, str]) -> dict[str, Variable]:
    """Read a `.env` file; `${NAME}` in a value refers to an earlier or a real variable."""
    # Imported here because most applications have no such file.
    from dotenv.parser import parse_stream
    from dotenv.variables import parse_variables

    variables: dict[str, Variable] = {}
    for binding in parse_stream(StringIO(read_text(path))):
        # The original text of a binding includes the empty lines before it.
        original = binding.original.string
        empty_lines = original[: len(original) - len(original.lstrip())].count("\n")
        line = binding.original.line + empty_lines
        if binding.error or (binding.key is not None and binding.value is None):
            # The line itself is not shown: it may contain a password.
            raise ConfigurationError(
                f"{relative_path(path)}:{line}: invalid line; write NAME=value, "
                f"with quotes around a value that contains quotes or #"
            )
        if binding.key is None or binding.value is None:
            # A comment, or empty lines.
            continue
        value = binding.value
        if "${" in value:
            known = {name: variable.text for name, variable in variables.items()} | dict(environ)
            value = "".join(atom.resolve(known) for atom in parse_variables(value))
        variables[binding.key] = Variable(value, line)
    return variables


def _file_values(file: SettingsFile) -> Iterator[SettingValue]:
    for section, table in file.tables.items():
        # Empty tables and other values are yielded too, so that an unknown name is reported.
        values = table if table and isinstance(table, dict) else {None: table}
        for key, value in values.items():
            path = (section,) if key is None else (section, key)
            dotted = ".".join((*file.prefix, *path))
            yield SettingValue(path, value, Origin(OriginKind.FILE, dotted, path, file))


def _is_setting(name: str, text: str) -> bool:
    if not name.startswith(PREFIX) or name in PROCESS_VARIABLES:
        return False
    if "__" in name:
        return True
    is_address = name.endswith("_PORT") and _SERVICE_ADDRESS.match(text)
    return not (is_address or _SERVICE_VARIABLE.search(name))


def _plugin_names(setting: SettingValue, default: Any) -> Any:
    value = setting.value
    if setting.is_text:
        # Imported here because most variables do not contain JSON.
        import json

        try:
            value = json.loads(value) if value.lstrip().startswith("[") else split_list(value)
        except json.JSONDecodeError:
            return default
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return tuple(value)
    return default
