"""The settings sections of core: `app`, `plugins`, `actions`, `errors`, `process`, `logs`."""

from __future__ import annotations

import contextlib
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr

from actionhero.errors import ConfigurationError
from actionhero.settings.files import relative_path
from actionhero.settings.model import Settings, SettingsPath

if TYPE_CHECKING:
    from actionhero.settings.sources import Environment

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_KEY_FILE = "secret_key"


def _module_name(name: str) -> str:
    if not _MODULE.fullmatch(name):
        raise ValueError("should be an import name, such as 'guestbook'")
    return name


def _default_name(fields: dict[str, Any]) -> str:
    return fields.get("package") or "actionhero"


class AppSettings(Settings):
    """The application: its package, its name, and the folder of its data."""

    section: ClassVar[str] = "app"

    package: Annotated[str, AfterValidator(_module_name)] | None = Field(
        default=None,
        description="The import name of the application package. Its actions, initializers and "
        "servers are found automatically.",
    )
    name: str = Field(
        default_factory=_default_name,
        description="The display name of the application. Defaults to its package.",
    )
    version: str | None = Field(default=None, description="The version of the application.")
    data_dir: SettingsPath = Field(
        default=Path(".actionhero"),
        description="The folder for local data: the SQLite databases, the data of the embedded "
        "Redis and the generated secret key. Relative to the settings file.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="The key that signs cookies. Required in production. In other environments a "
        "key is generated and stored in the data folder.",
    )

    def make_data_dir(self) -> Path:
        """Return the data folder. Create it if it does not exist, ignored by git.

        Raises:
            ConfigurationError: It cannot be created.
        """
        try:
            if not self.data_dir.is_dir():
                self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                (self.data_dir / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"cannot create data folder {relative_path(self.data_dir)!r}: {error.strerror}; "
                f"set app.data_dir (ACTIONHERO_APP__DATA_DIR) to a writable folder"
            ) from error
        return self.data_dir

    def get_secret_key(self, environment: Environment) -> SecretStr:
        """Return the secret key: the setting, or outside of production the generated key.

        Raises:
            ConfigurationError: It is not set in production, or the generated key cannot be read
                or written.
        """
        if self.secret_key is not None:
            return self.secret_key
        if environment == "production":
            raise ConfigurationError(
                "app.secret_key is required in production; set ACTIONHERO_APP__SECRET_KEY to a "
                "long random text that all processes share, such as the output of: "
                'python -c "import secrets; print(secrets.token_hex(32))"'
            )
        path = self.make_data_dir() / _KEY_FILE
        try:
            key = _read_or_create_key(path)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigurationError(
                f"cannot read or create secret key file {relative_path(path)!r}: {reason}; "
                f"delete it, or set ACTIONHERO_APP__SECRET_KEY"
            ) from error
        if not key:
            raise ConfigurationError(
                f"secret key file {relative_path(path)!r} is empty; delete it to generate a new key"
            )
        return SecretStr(key)


class PluginsSettings(Settings):
    """The selection of installed plugins."""

    section: ClassVar[str] = "plugins"

    enabled: list[str] | None = Field(
        default=None,
        description="The names of the only plugins to enable. Unset: all installed plugins.",
    )
    disabled: list[str] = Field(default=[], description="The names of plugins to disable.")


class ActionsSettings(Settings):
    """Defaults for all actions."""

    section: ClassVar[str] = "actions"

    timeout: timedelta = Field(
        default=timedelta(seconds=300),
        ge=timedelta(0),
        description="The time limit of an action. 0 is no limit.",
    )
    validate_outputs: Literal["filter", "strict"] = Field(
        default="filter",
        description="The check of results against the return annotation. `filter` leaves out "
        "what it does not declare. `strict`, for development and tests, makes it an error that "
        "names the field. A value of another type is an error in both.",
    )


class ErrorsSettings(Settings):
    """The details of unexpected errors in responses."""

    section: ClassVar[str] = "errors"

    show_tracebacks: bool | None = Field(
        default=None,
        description="Whether responses contain the traceback of an unexpected error. Unset: in "
        "development only.",
    )

    def shows_tracebacks(self, environment: Environment) -> bool:
        """Return whether responses contain tracebacks in an environment."""
        if self.show_tracebacks is None:
            return environment == "development"
        return self.show_tracebacks


class ProcessSettings(Settings):
    """The shutdown of the process, and the check of its event loop."""

    section: ClassVar[str] = "process"

    shutdown_timeout: timedelta = Field(
        default=timedelta(seconds=20),
        ge=timedelta(0),
        description="How long open calls may continue after the shutdown has begun.",
    )
    blocking_threshold: timedelta | None = Field(
        default=None,
        ge=timedelta(0),
        description="How long code may block the event loop before a warning names it. 0 is no "
        "check. Unset: 200ms in development, otherwise no check.",
    )

    def blocking_seconds(self, environment: Environment) -> float:
        """Return how long code may block the event loop in an environment; zero: no check."""
        if self.blocking_threshold is None:
            return 0.2 if environment == "development" else 0.0
        return self.blocking_threshold.total_seconds()


class LoggerSettings(Settings):
    """The level and the format of log lines."""

    section: ClassVar[str] = "logs"

    level: Literal["debug", "info", "warn", "error", "fatal"] = Field(
        default="info", description="The lowest level that is logged."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="The format of log lines: readable (console) or JSON. auto: console on a "
        "terminal and outside of production, otherwise json.",
    )
    colors: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether console lines are colored. auto: on a terminal, unless NO_COLOR is "
        "set.",
    )
    tracebacks: Literal["auto", "short", "full"] = Field(
        default="auto",
        description="Whether console lines fold the frames of libraries in tracebacks. auto: short "
        "in development, otherwise full.",
    )

    def has_short_tracebacks(self, environment: Environment) -> bool:
        """Return whether console lines fold the frames of libraries in an environment."""
        if self.tracebacks != "auto":
            return self.tracebacks == "short"
        return environment == "development"

    def resolve_format(
        self, environment: Environment, *, is_terminal: bool
    ) -> Literal["console", "json"]:
        """Return the format to use in an environment."""
        if self.format != "auto":
            return self.format
        return "json" if environment == "production" and not is_terminal else "console"


#: Every section of core, in the order of listings.
CORE_SETTINGS: tuple[type[Settings], ...] = (
    AppSettings,
    PluginsSettings,
    ActionsSettings,
    ErrorsSettings,
    ProcessSettings,
    LoggerSettings,
)


def _read_or_create_key(path: Path) -> str:
    if not path.exists():
        # Written to another file and then linked. The link fails if another process was faster,
        # whose key counts, and no process reads a half-written key.
        draft = path.with_name(f".{path.name}-{os.getpid()}")
        try:
            _write_key(draft)
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:
            # Not all file systems support links.
            with contextlib.suppress(FileExistsError):
                _write_key(path)
        finally:
            draft.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8").strip()


def _write_key(path: Path) -> None:
    # Imported here because most starts have a key already.
    from secrets import token_hex

    # Created with its permissions, so that it is never readable by others.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(token_hex(32))
