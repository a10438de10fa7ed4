"""The sections of settings that belong to core: `app`, `plugins`, `actions` and more."""

from __future__ import annotations

import contextlib
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr

from actionhero.errors import ConfigurationError
from actionhero.settings.files import shown_path
from actionhero.settings.model import Settings, SettingsPath

if TYPE_CHECKING:
    from actionhero.settings.sources import Environment

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_KEY_FILE = "secret_key"


def _module_name(name: str) -> str:
    if not _MODULE.fullmatch(name):
        raise ValueError("it should be the name that is imported, such as 'guestbook'")
    return name


def _package_or_ours(fields: dict[str, Any]) -> str:
    return fields.get("package") or "actionhero"


class AppSettings(Settings):
    """What the application is, and where it keeps what it keeps."""

    section: ClassVar[str] = "app"

    package: Annotated[str, AfterValidator(_module_name)] | None = Field(
        default=None,
        description="The package of the application, as it is imported: its actions, initializers "
        "and servers are found without being listed.",
    )
    name: str = Field(
        default_factory=_package_or_ours,
        description="What the application is called where people read it. By default its package.",
    )
    version: str | None = Field(default=None, description="The version of the application.")
    data_dir: SettingsPath = Field(
        default=Path(".actionhero"),
        description="The folder of everything that is kept when no real server is set: database, "
        "queue, secret key. A relative path begins beside the settings file.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="The key that cookies are signed with. Required in production; elsewhere one "
        "is made and kept in the data folder.",
    )

    def make_data_dir(self) -> Path:
        """Return the data folder, made if it is not there, and kept out of git.

        Raises:
            ConfigurationError: It cannot be made.
        """
        try:
            if not self.data_dir.is_dir():
                self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                (self.data_dir / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"data folder {shown_path(self.data_dir)!r} cannot be made: {error.strerror}; "
                f"set app.data_dir (ACTIONHERO_APP__DATA_DIR) to a folder that can be written to"
            ) from error
        return self.data_dir

    def get_secret_key(self, environment: Environment) -> SecretStr:
        """Return the key that was set, or outside of production the one in the data folder.

        Raises:
            ConfigurationError: None is set in production, or the one in the data folder cannot be
                read or made.
        """
        if self.secret_key is not None:
            return self.secret_key
        if environment == "production":
            raise ConfigurationError(
                "app.secret_key is not set, and in production none is made up; set "
                "ACTIONHERO_APP__SECRET_KEY to a long random text that all processes share, "
                'such as the output of: python -c "import secrets; print(secrets.token_hex(32))"'
            )
        path = self.make_data_dir() / _KEY_FILE
        try:
            key = _read_or_make_key(path)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigurationError(
                f"secret key file {shown_path(path)!r} cannot be read or made: {reason}; "
                f"delete it, or set ACTIONHERO_APP__SECRET_KEY"
            ) from error
        if not key:
            raise ConfigurationError(
                f"secret key file {shown_path(path)!r} is empty; delete it, and a new key is made"
            )
        return SecretStr(key)


class PluginsSettings(Settings):
    """Which of the installed plugins are switched on."""

    section: ClassVar[str] = "plugins"

    enabled: list[str] | None = Field(
        default=None,
        description="The only plugins to switch on, by name. Not set: all that are installed.",
    )
    disabled: list[str] = Field(default=[], description="Plugins to switch off, by name.")


class ActionsSettings(Settings):
    """What holds for every action that says nothing else."""

    section: ClassVar[str] = "actions"

    timeout: timedelta = Field(
        default=timedelta(seconds=300),
        ge=timedelta(0),
        description="How long an action may run. 0 is no limit.",
    )


class ErrorsSettings(Settings):
    """What callers are told of an unexpected error."""

    section: ClassVar[str] = "errors"

    show_tracebacks: bool | None = Field(
        default=None,
        description="Whether a caller is shown the traceback of an unexpected error. Not set: in "
        "development only.",
    )

    def tracebacks_shown_in(self, environment: Environment) -> bool:
        """Return whether tracebacks are shown: as it was set, or in development."""
        if self.show_tracebacks is None:
            return environment == "development"
        return self.show_tracebacks


class ProcessSettings(Settings):
    """The life of the process."""

    section: ClassVar[str] = "process"

    shutdown_timeout: timedelta = Field(
        default=timedelta(seconds=20),
        ge=timedelta(0),
        description="How long open calls may go on after the process was told to stop.",
    )


class LoggerSettings(Settings):
    """What is logged, and how it looks."""

    section: ClassVar[str] = "logs"

    level: Literal["debug", "info", "warn", "error", "fatal"] = Field(
        default="info", description="The least important messages that are logged."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="Lines for people (console) or for machines (json). auto: console on a "
        "terminal and outside of production, else json.",
    )
    colors: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether console lines are colored. auto: on a terminal, unless NO_COLOR is "
        "set.",
    )

    def format_for(
        self, environment: Environment, *, is_terminal: bool
    ) -> Literal["console", "json"]:
        """Return the format in this environment: as it was set, or what suits the reader."""
        if self.format != "auto":
            return self.format
        return "json" if environment == "production" and not is_terminal else "console"


#: Every section of core, in the order in which they are listed.
CORE_SETTINGS: tuple[type[Settings], ...] = (
    AppSettings,
    PluginsSettings,
    ActionsSettings,
    ErrorsSettings,
    ProcessSettings,
    LoggerSettings,
)


def _read_or_make_key(path: Path) -> str:
    if not path.exists():
        # Written beside and then linked: that fails if another process was faster, and shows
        # nobody a half-written key. The key in the file is the one, whoever made it.
        draft = path.with_name(f".{path.name}-{os.getpid()}")
        try:
            _write_key(draft)
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:
            # Not every file system has links.
            with contextlib.suppress(FileExistsError):
                _write_key(path)
        finally:
            draft.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8").strip()


def _write_key(path: Path) -> None:
    # Imported here because most starts have a key already.
    from secrets import token_hex

    # Made for our eyes only, rather than closed after it was written.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(token_hex(32))
