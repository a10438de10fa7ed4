"""The page of the reference on hooks, for `docs/generate.py`."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from page_parts import sentences, table

from actionhero import hookspecs
from actionhero_channels import hookspecs as channels_hookspecs
from actionhero_db import hookspecs as db_hookspecs
from actionhero_generate import hookspecs as generate_hookspecs
from actionhero_tasks import hookspecs as tasks_hookspecs
from actionhero_web import hookspecs as web_hookspecs
from actionhero_websocket import hookspecs as websocket_hookspecs

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def listed(arguments: Iterable[str]) -> list[str]:
    """Return arguments, `name: what it is`, as a list."""
    split = (argument.partition(":") for argument in arguments)
    return [f"- `{name}`: {' '.join(text.split())}" for name, _, text in split]


def signature(name: str, hook: Any) -> str:
    """Return the signature as it is written in the source."""
    given = inspect.signature(hook)
    arguments = ", ".join(f"{item.name}: {item.annotation}" for item in given.parameters.values())
    return f"def {name}({arguments}) -> {given.return_annotation}: ..."
