"""Write the pages of the reference that are told by the source: `python docs/generate.py`.

A test compares what is written here with what is committed.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hooks_page import hooks
from page_parts import sentences, table

import actionhero
from actionhero import errors
from actionhero.cli import exits
from actionhero.errors import ErrorType, TypedError
from actionhero.settings import CORE_SETTINGS, Settings, settings_reference
from actionhero_channels.settings import ChannelsSettings
from actionhero_chat.settings import ChatSettings
from actionhero_db.settings import DbSettings
from actionhero_openapi.settings import OpenApiSettings
from actionhero_redis.settings import RedisSettings
from actionhero_sessions.settings import SessionsSettings
from actionhero_tasks.settings import TasksSettings
from actionhero_web.error_mapping import TABLE
from actionhero_web.settings import WebSettings
from actionhero_websocket.settings import WebSocketSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py from the source. Change it there. -->\n"

#: Whose settings there are.
SETTINGS: dict[str, tuple[type[Settings], ...]] = {
    "actionhero": CORE_SETTINGS,
    "actionhero-channels": (ChannelsSettings,),
    "actionhero-chat": (ChatSettings,),
    "actionhero-db": (DbSettings,),
    "actionhero-openapi": (OpenApiSettings,),
    "actionhero-redis": (RedisSettings,),
    "actionhero-sessions": (SessionsSettings,),
    "actionhero-tasks": (TasksSettings,),
    "actionhero-web": (WebSettings,),
    "actionhero-websocket": (WebSocketSettings,),
}
#: The commands, by the package that brings them.
COMMANDS = {
    "actionhero": (
        "start",
        "call",
        "actions",
        "plugins",
        "config",
        "doctor",
        "version",
        "completion",
    ),
    "actionhero-channels": ("channels",),
    "actionhero-db": (
        "db",
        "db status",
        "db make",
        "db migrate",
        "db rollback",
        "db sql",
        "db clear",
    ),
    "actionhero-generate": ("new", "generate"),
    "actionhero-openapi": ("openapi",),
    "actionhero-tasks": (
        "worker",
        "scheduler",
        "enqueue",
        "job",
        "job status",
        "job result",
        "job progress",
        "job cancel",
        "tasks",
        "tasks workers",
        "tasks schedules",
        "tasks dead",
        "tasks retry",
        "tasks discard",
    ),
    "actionhero-web": ("routes",),
}
#: Modules of the other packages that authors import from, by package.
PUBLIC_MODULES: dict[str, tuple[str, ...]] = {
    "actionhero": ("actionhero.testing",),
    "actionhero-channels": ("actionhero_channels",),
    "actionhero-db": ("actionhero_db",),
    "actionhero-generate": ("actionhero_generate",),
    "actionhero-openapi": ("actionhero_openapi",),
    "actionhero-redis": ("actionhero_redis",),
    "actionhero-sessions": ("actionhero_sessions",),
    "actionhero-tasks": ("actionhero_tasks",),
    "actionhero-web": ("actionhero_web",),
    "actionhero-websocket": ("actionhero_websocket", "actionhero_websocket.client"),
    "pytest-actionhero": ("pytest_actionhero",),
}
#: Names that are told in a sentence, having no class of ours to be told by.
SHORT = {
    "Field": "Describes one input or setting: default, limits, description. It is pydantic's.",
    "Secret": "`password: Secret[str]` is an input whose value is never shown.",
    "__version__": "The version of ActionHero, as text.",
}


def main() -> None:
    """Write every page."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """Return every generated page by its path."""
    makers: dict[str, Callable[[], str]] = {
        "api": api,
        "command-line": command_line,
        "errors": error_types,
        "hooks": hooks,
        "packages": packages,
        "settings": settings,
    }
    return {REFERENCE / f"{name}.md": NOTE + make() for name, make in makers.items()}


# -- settings ----------------------------------------------------------------------------------


def settings() -> str:
    """Return the page of all settings, from their models."""
    lines = [
        "# Settings",
        "",
        "Each plugin has a section.",
        "`port` of the section `web` is `port` under `[web]` in `actionhero.toml`.",
        "Below each key is the environment variable that sets it.",
        "A duration is a number of seconds, or a text such as `500ms`, `20s`, `5m`, `1h30m`.",
        "A list in a variable is `a,b`.",
        "[How to set what](../how-to/settings.md) tells which source wins.",
    ]
    for owner, models in SETTINGS.items():
        for model in models:
            lines += [
                "",
                f"## `{model.section}`",
                "",
                sentences(f"{inspect.getdoc(model)} From `{owner}`."),
                "",
                table(
                    ("Key", "Takes", "Default", "What it does"),
                    (
                        (
                            f"`{row.key}`<br>`{variable(row.section, row.key)}`",
                            row.type,
                            f"`{row.default}`" if row.default else "empty",
                            row.description + also(row.aliases),
                        )
                        for row in settings_reference([model])
                    ),
                ),
            ]
    return "\n".join(lines) + "\n"


def variable(section: str, key: str) -> str:
    """Return the environment variable that sets a key."""
    return f"ACTIONHERO_{section}__{key}".upper()


def also(aliases: Iterable[str]) -> str:
    """Return a sentence on the variables that set a key beside its own."""
    names = " and ".join(f"`{name}`" for name in aliases)
    return f" Set by {names} too." if names else ""


# -- errors ------------------------------------------------------------------------------------


def error_types() -> str:
    """Return the page of all types of error, and how each door tells them."""
    raised = {
        item.default_type: item
        for item in vars(errors).values()
        if isinstance(item, type) and issubclass(item, TypedError) and item is not TypedError
    }
    rows = []
    for type_ in ErrorType:
        telling = TABLE[type_]
        error = raised.get(type_)
        other = "" if telling.actionhero_name is None else f" `{telling.actionhero_name.value}`"
        rows.append(
            (
                f"`{type_.value}`",
                f"`{error.__name__}`" if error else "",
                telling.title,
                str(telling.status),
                f"{telling.actionhero_status}{other}",
                str(exits.exit_code(type_)),
            )
        )
    meanings = (
        ("0", "The action gave a value; the server stopped as it was told to."),
        (str(exits.FAILED), "The action failed, or a check of `doctor` did."),
        (str(exits.USAGE), "Wrong usage: an unknown command, option or action."),
        (str(exits.DATA), "The inputs are invalid."),
        (str(exits.UNAVAILABLE), "A service that the action leans on is unavailable."),
        (
            str(errors.LifecycleError.exit_code),
            "An initializer or a server failed to start or to stop.",
        ),
        (str(exits.CONFIGURATION), "Settings or plugins are wrong; a port in use is, too."),
        ("130, 143", "Ended at once by a second SIGINT or SIGTERM; a call ended by the first."),
    )
    return "\n".join(
        [
            "# Errors and exit codes",
            "",
            "Every failure of a call has one type from one vocabulary.",
            "Each door has its own table from types to what its callers understand.",
            "",
            "## Types",
            "",
            "`web.error_format` chooses how HTTP tells them: `standard`, or `actionhero` for clients",
            "that were written for earlier ActionHero servers.",
            "In the second a type may go by another name, which then stands behind the status.",
            "Raise the class, or `TypedError(message, type=ErrorType.…)`.",
            "Inputs that do not fit their model are an `InvalidInput` of the type",
            "`CONNECTION_ACTION_PARAM_REQUIRED`, whatever is wrong with them.",
            "",
            table(
                ("Type", "Raised as", "Title", "`standard`", "`actionhero`", "Exit code"),
                rows,
            ),
            "",
            "## Exit codes",
            "",
            table(("Code", "Meaning"), meanings),
            "",
        ]
    )


# -- the command line --------------------------------------------------------------------------


def command_line() -> str:
    """Return the page of all commands, from their own help."""
    lines = [
        "# Command line",
        "",
        "What a command gives goes to stdout, what it says besides to stderr.",
        "Listings take `--format table` or `--format json`.",
        "[Exit codes](errors.md#exit-codes) are the same for all.",
        "",
        "## `actionhero`",
        "",
        *console("--help"),
    ]
    for owner, names in COMMANDS.items():
        for name in names:
            lines += ["", f"## `actionhero {name}`", "", f"From `{owner}`.", ""]
            lines += console(*name.split(), "--help")
    return "\n".join(lines) + "\n"


def console(*arguments: str) -> list[str]:
    """Return a command and what it writes, with no plugins but those that are told here."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-m", "actionhero", *arguments],
            cwd=folder,
            env={
                "PATH": os.environ.get("PATH", ""),
                "COLUMNS": "80",
                "PYTHONIOENCODING": "utf-8",
                "ACTIONHERO_PLUGINS__ENABLED": "channels,db,generate,openapi,redis,tasks,web",
            },
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    text = [line.rstrip() for line in run.stdout.rstrip().splitlines()]
    return ["```console", f"$ actionhero {' '.join(arguments)}", *text, "```"]


# -- names -------------------------------------------------------------------------------------


def api() -> str:
    """Return the page of all public names, in the groups of `actionhero.__all__`."""
    lines = [
        "# Names",
        "",
        "All that you import from `actionhero`.",
        "What is not listed here is our own business, and may change without a word.",
    ]
    groups = public_names()
    for title, names in groups.items():
        lines += ["", f"## {title}", "", table(("Name", "What it is"), map(name_row, names))]
    lines += ["", "## In detail"]
    for names in groups.values():
        for name in names:
            if name not in SHORT:
                lines += ["", f"::: actionhero.{name}"]
    return "\n".join(lines) + "\n"


def public_names() -> dict[str, list[str]]:
    """Return the names of `actionhero.__all__` by the comment that they stand under."""
    source = inspect.getsource(actionhero)
    block = source.partition("__all__ = [\n")[2].partition("]")[0]
    groups: dict[str, list[str]] = {}
    for line in map(str.strip, block.splitlines()):
        if line.startswith("# "):
            names = groups.setdefault(line[2:], [])
        else:
            names.append(ast.literal_eval(line.rstrip(",")))
    return groups


def name_row(name: str) -> tuple[str, str]:
    """Return the row of one public name."""
    if name in SHORT:
        return f"`{name}`", SHORT[name]
    documented = (inspect.getdoc(getattr(actionhero, name)) or "").partition("\n\n")[0]
    return f"`{name}`", " ".join(documented.split())


def packages() -> str:
    """Return the page of the public names of the other packages."""
    lines = [
        "# Names of the packages",
        "",
        "All that you import from the packages beside [the core](api.md).",
        "Settings have [a page of their own](settings.md), and so have [hooks](hooks.md).",
    ]
    for owner, names in PUBLIC_MODULES.items():
        lines += ["", f"## `{owner}`"]
        for name in names:
            module = importlib.import_module(name)
            for public in module.__all__:
                if not is_settings(getattr(module, public)):
                    lines += ["", f"::: {name}.{public}"]
    return "\n".join(lines) + "\n"


def is_settings(value: object) -> bool:
    """Whether a public name is a section of settings, which another page tells."""
    return isinstance(value, type) and issubclass(value, Settings)


if __name__ == "__main__":
    main()
