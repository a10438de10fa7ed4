"""Suggestions for unknown commands, and for a settings file in another folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from actionhero.settings.files import PYPROJECT, STEM, SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: The commands of this program for the names that they have in other programs.
_NAMES_ELSEWHERE: Final = {
    **dict.fromkeys(("run", "serve", "server", "runserver", "up"), ("dev", "start")),
    **dict.fromkeys(("console", "repl", "python", "ipython"), ("shell",)),
    **dict.fromkeys(("migrate", "makemigrations", "migration", "upgrade"), ("db",)),
    **dict.fromkeys(("init", "create", "startproject", "create-app"), ("new",)),
    **dict.fromkeys(("g", "add", "scaffold", "startapp"), ("generate",)),
    **dict.fromkeys(("work", "jobs", "celery"), ("worker", "tasks")),
    **dict.fromkeys(("exec", "invoke", "do"), ("call",)),
    **dict.fromkeys(("settings", "conf", "env"), ("config",)),
    **dict.fromkeys(("check", "status", "health"), ("doctor",)),
    **dict.fromkeys(("list", "ls"), ("actions", "routes")),
    **dict.fromkeys(("urls", "show-urls"), ("routes",)),
    # No command has this purpose, and the similar names have others.
    **dict.fromkeys(("help", "test"), ()),
}
#: How many folders are searched for a settings file.
_MAX_FOLDERS: Final = 100


def unknown_command_error(
    error: click.NoSuchCommand, commands: Sequence[str], problems: Sequence[str]
) -> click.NoSuchCommand:
    """Return the error of an unknown command with the commands that were perhaps meant.

    Args:
        error: The error of click.
        commands: The names of all commands.
        problems: The errors of plugins, whose commands are missing.
    """
    hint = _hint(error.command_name, commands)
    lines = [f"No such command {error.command_name!r}{hint}", *problems]
    return click.NoSuchCommand(error.command_name, message="\n".join(lines), ctx=error.ctx)


def _hint(name: str, commands: Sequence[str]) -> str:
    # Imported here because most commands exist.
    from difflib import get_close_matches  # noqa: PLC0415

    if ":" in name:
        return f". Actions are called with: actionhero call {name}"
    meant = [each for each in _NAMES_ELSEWHERE.get(name, ()) if each in commands]
    near = meant if name in _NAMES_ELSEWHERE else get_close_matches(name, commands)
    if not near:
        return "; actionhero --help lists them"
    return f". Did you mean {' or '.join(map(repr, near))}?"


def settings_elsewhere(folder: Path) -> str | None:
    """Return a hint if a folder has no settings file, but one above it or directly in it has.

    Args:
        folder: The folder in which the command runs.
    """
    if _settings_file(folder) is not None:
        return None
    for other in _neighbours(folder):
        if (file := _settings_file(other)) is not None:
            place = os.path.relpath(other, folder)
            return (
                f"there is no settings file in this folder, but {os.path.relpath(file, folder)} "
                f"exists; run the command in that folder, or with: actionhero --settings {place}"
            )
    return None


def _neighbours(folder: Path) -> Iterator[Path]:
    """Yield the folders above, up to the home folder, and those directly in `folder`."""
    home = Path.home()
    for parent in folder.parents:
        if parent in (home, Path(parent.anchor)):
            break
        yield parent
    yield from _folders_in(folder)


def _folders_in(folder: Path) -> Iterable[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name for entry in entries if entry.is_dir() and entry.name[0] != "."
            )
    except OSError:
        return []
    return [folder / name for name in names[:_MAX_FOLDERS]]


def _settings_file(folder: Path) -> Path | None:
    for suffix in SUFFIXES:
        path = folder / f"{STEM}{suffix}"
        if path.is_file():
            return path
    project = folder / PYPROJECT
    try:
        has_table = f"[tool.{STEM}" in project.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return project if has_table else None
