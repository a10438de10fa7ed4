"""Write the pages of the reference that are told by the source: `python docs/generate.py`.

A test compares what is written here with what is committed.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import actionhero
from actionhero import errors, hookspecs
from actionhero.cli import exits
from actionhero.errors import ErrorType, TypedError
from actionhero.settings import CORE_SETTINGS, Settings, settings_reference
from actionhero_channels import hookspecs as channels_hookspecs
from actionhero_channels.settings import ChannelsSettings
from actionhero_chat.settings import ChatSettings
from actionhero_db import hookspecs as db_hookspecs
from actionhero_db.settings import DbSettings
from actionhero_generate import hookspecs as generate_hookspecs
from actionhero_openapi.settings import OpenApiSettings
from actionhero_redis.settings import RedisSettings
from actionhero_sessions.settings import SessionsSettings
from actionhero_tasks import hookspecs as tasks_hookspecs
from actionhero_tasks.settings import TasksSettings
from actionhero_web import hookspecs as web_hookspecs
from actionhero_web.problem import TABLE
from actionhero_web.settings import WebSettings
from actionhero_websocket import hookspecs as websocket_hookspecs
from actionhero_websocket.settings import WebSocketSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py from the source. Change it there. -->\n"

#: Whose hooks there are, in the order in which the pages tell them.
HOOK_MODULES: dict[str, Any] = {
    "actionhero": hookspecs,
    "actionhero-channels": channels_hookspecs,
    "actionhero-db": db_hookspecs,
    "actionhero-generate": generate_hookspecs,
    "actionhero-tasks": tasks_hookspecs,
    "actionhero-web": web_hookspecs,
    "actionhero-websocket": websocket_hookspecs,
}
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


# -- hooks -------------------------------------------------------------------------------------


def hooks() -> str:
    """Return the page of all hooks, from their signatures and docstrings."""
    lines = [
        "# Hooks",
        "",
        "A plugin adds by hooks: functions with the names below, marked with `@hookimpl`.",
        "Each is called once, while the application is put together, and returns objects.",
        "None of them may be `async def`: what is asynchronous is a method of the objects.",
        "A function takes those of the arguments that it wants, by name.",
        "",
        "Plugins are registered in this order: core, the installed ones by name, the application.",
        "`@hookimpl(tryfirst=True)` and `@hookimpl(trylast=True)` change a plugin's place.",
        "",
        table(
            ("Hook", "Furnishes", "From"),
            (
                (f"[`{name}`](#{name})", sections(hook)[""][0], f"`{owner}`")
                for owner, name, hook in all_hooks()
            ),
        ),
    ]
    for owner, module in HOOK_MODULES.items():
        lines += ["", f"## Hooks of `{owner}`"]
        for name, hook in hooks_of(module):
            lines += ["", *hook_lines(name, hook)]
    return "\n".join(lines) + "\n"


def all_hooks() -> list[tuple[str, str, Any]]:
    """Return every hook, with the distribution that specifies it and its name."""
    return [
        (owner, name, hook)
        for owner, module in HOOK_MODULES.items()
        for name, hook in hooks_of(module)
    ]


def hooks_of(module: Any) -> list[tuple[str, Any]]:
    """Return the hooks that a module specifies, as they are written there."""
    return [(name, value) for name, value in vars(module).items() if name.startswith("actionhero_")]


def hook_lines(name: str, hook: Any) -> list[str]:
    """Return the part of the page on one hook."""
    parts = sections(hook)
    lines = [f"### `{name}`", "", "```python", signature(name, hook), "```", ""]
    for paragraph in parts[""]:
        lines += [paragraph, ""]
    for title in ("Args", "Returns", "Order"):
        if title in parts:
            lines += [f"**{'Arguments' if title == 'Args' else title}**", ""]
            lines += [*(listed(parts[title]) if title == "Args" else parts[title]), ""]
    return [*lines, "**Example**", "", *parts["Example"]]


def sections(hook: Any) -> dict[str, list[str]]:
    """Return the paragraphs of a docstring by the heading that they stand under."""
    found: dict[str, list[str]] = {}
    heading = ""
    headings = "Args", "Returns", "Order", "Example"
    split = re.compile(rf"^({'|'.join(headings)}):\n", re.MULTILINE)
    for part in split.split(inspect.getdoc(hook) or ""):
        if part in headings:
            heading = part
        elif heading == "Example":
            found[heading] = inspect.cleandoc("\n" + part).splitlines()
        elif heading == "Args":
            found[heading] = re.split(r"\n(?=\w)", inspect.cleandoc("\n" + part))
        else:
            text = inspect.cleandoc("\n" + part if heading else part)
            found[heading] = [sentences(item) for item in text.split("\n\n") if item]
    return found


def sentences(text: str) -> str:
    """Return a paragraph with one sentence a line."""
    return re.sub(r"(?<=[a-z`)*][.?!]) (?=[A-Z`\[])", "\n", " ".join(text.split()))


def listed(arguments: Iterable[str]) -> list[str]:
    """Return arguments, `name: what it is`, as a list."""
    split = (argument.partition(":") for argument in arguments)
    return [f"- `{name}`: {' '.join(text.split())}" for name, _, text in split]


def signature(name: str, hook: Any) -> str:
    """Return the signature as it is written in the source."""
    given = inspect.signature(hook)
    arguments = ", ".join(f"{item.name}: {item.annotation}" for item in given.parameters.values())
    return f"def {name}({arguments}) -> {given.return_annotation}: ..."


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
            "`web.errors` chooses how HTTP tells them: `standard`, or `actionhero` for clients",
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


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


if __name__ == "__main__":
    main()
