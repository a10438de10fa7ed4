"""`SettingValue`: one value as its source contains it, and its `Origin`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from actionhero.settings.files import SettingsFile, relative_path

if TYPE_CHECKING:
    from pathlib import Path


class OriginKind(StrEnum):
    """The kinds of sources. Later ones override earlier ones."""

    FILE = "file"
    DOTENV = ".env"
    VARIABLE = "variable"
    COMMAND_LINE = "command line"
    CODE = "code"


@dataclass(frozen=True)
class Origin:
    """The place that a value comes from. Its text is `actionhero.toml:3 web.port`."""

    kind: OriginKind
    #: The variable, or the dotted key.
    name: str
    path: tuple[str, ...] = ()
    file: SettingsFile | Path | None = field(default=None, repr=False)
    #: The line in a `.env` file, from 1.
    dotenv_line: int | None = None

    @property
    def line(self) -> int | None:
        """The line in the file, from 1; `None` if there is no file, or the line is unknown."""
        if isinstance(self.file, SettingsFile):
            return self.file.line_of(self.path)
        return self.dotenv_line

    @property
    def is_variable(self) -> bool:
        """Whether it is a variable, of the environment or of a `.env` file."""
        return self.kind in (OriginKind.VARIABLE, OriginKind.DOTENV)

    def nested(self, keys: tuple[str, ...]) -> Origin:
        """Return the origin of the value under further `keys`."""
        if not keys:
            return self
        return replace(self, name=".".join((self.name, *keys)), path=(*self.path, *keys))

    def __str__(self) -> str:
        if self.file is not None:
            path = self.file.path if isinstance(self.file, SettingsFile) else self.file
            line = f":{self.line}" if self.line else ""
            return f"{relative_path(path)}{line} {self.name}"
        if self.kind is OriginKind.VARIABLE:
            return self.name
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class SettingValue:
    """One value, before validation."""

    #: Section, key, and further keys within its value.
    path: tuple[str, ...]
    value: Any = field(repr=False)
    origin: Origin

    @property
    def is_text(self) -> bool:
        """Whether the value is text only because its source has no other types."""
        typed = (OriginKind.FILE, OriginKind.CODE)
        return isinstance(self.value, str) and self.origin.kind not in typed
