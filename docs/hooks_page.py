"""The page of hooks in the reference, generated from the hook specifications."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from page_parts import sentences, table

from actionhero.plugins import hookspecs, pipeline_hookspecs
from actionhero_auth import hookspecs as auth_hookspecs
from actionhero_channels import hookspecs as channels_hookspecs
from actionhero_console import hookspecs as console_hookspecs
from actionhero_db import hookspecs as db_hookspecs
from actionhero_generate import hookspecs as generate_hookspecs
from actionhero_mcp import hookspecs as mcp_hookspecs
from actionhero_oauth import hookspecs as oauth_hookspecs
from actionhero_tasks import hookspecs as tasks_hookspecs
from actionhero_web import hookspecs as web_hookspecs
from actionhero_websocket import hookspecs as websocket_hookspecs

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The line length of the code in the documentation.
LINE_LENGTH = 100
#: The hook specifications of each distribution, in the order of the page.
HOOK_MODULES: dict[str, tuple[Any, ...]] = {
    "actionhero": (hookspecs, pipeline_hookspecs),
    "actionhero-auth": (auth_hookspecs,),
    "actionhero-channels": (channels_hookspecs,),
    "actionhero-console": (console_hookspecs,),
    "actionhero-db": (db_hookspecs,),
    "actionhero-generate": (generate_hookspecs,),
    "actionhero-mcp": (mcp_hookspecs,),
    "actionhero-oauth": (oauth_hookspecs,),
    "actionhero-tasks": (tasks_hookspecs,),
    "actionhero-web": (web_hookspecs,),
    "actionhero-websocket": (websocket_hookspecs,),
}


def hooks_page() -> str:
    """Return the page of all hooks, from their signatures and docstrings."""
    lines = [
        "# Hooks",
        "",
        "A plugin implements hooks: functions with the names below, marked with `@hookimpl`.",
        "Each hook is called once, while the application is loaded, and returns objects.",
        "A hook cannot be `async def`; asynchronous code belongs in methods of the objects.",
        "An implementation can omit arguments that it does not need.",
        "",
        "Plugins are registered in this order: core, installed plugins by name, the application.",
        "`@hookimpl(tryfirst=True)` and `@hookimpl(trylast=True)` change this order.",
        "",
        table(
            ("Hook", "Contributes", "Package"),
            (
                (f"[`{name}`](#{name})", sections(hook)[""][0], f"`{distribution}`")
                for distribution, name, hook in all_hooks()
            ),
        ),
    ]
    for distribution, modules in HOOK_MODULES.items():
        lines += ["", f"## Hooks of `{distribution}`"]
        for name, hook in hooks_of(modules):
            lines += ["", *hook_lines(name, hook)]
    return "\n".join(lines) + "\n"


def all_hooks() -> list[tuple[str, str, Any]]:
    """Return each hook as the distribution that specifies it, its name and its function."""
    return [
        (distribution, name, hook)
        for distribution, modules in HOOK_MODULES.items()
        for name, hook in hooks_of(modules)
    ]


def hooks_of(modules: Iterable[Any]) -> list[tuple[str, Any]]:
    """Return the hooks that modules specify, in the order of the source."""
    return [
        (name, value)
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("actionhero_")
    ]


def hook_lines(name: str, hook: Any) -> list[str]:
    """Return the lines about one hook."""
    parts = sections(hook)
    lines = [f"### `{name}`", "", "```python", signature(name, hook), "```", ""]
    for paragraph in parts[""]:
        lines += [paragraph, ""]
    for title in ("Args", "Returns", "Order"):
        if title in parts:
            lines += [f"**{'Arguments' if title == 'Args' else title}**", ""]
            lines += [*(argument_list(parts[title]) if title == "Args" else parts[title]), ""]
    return [*lines, "**Example**", "", *parts["Example"]]


def sections(hook: Any) -> dict[str, list[str]]:
    """Return the paragraphs of a docstring by their heading; those before the first have none."""
    paragraphs: dict[str, list[str]] = {}
    heading = ""
    headings = "Args", "Returns", "Order", "Example"
    separator = re.compile(rf"^({'|'.join(headings)}):\n", re.MULTILINE)
    for part in separator.split(inspect.getdoc(hook) or ""):
        if part in headings:
            heading = part
        elif heading == "Example":
            paragraphs[heading] = inspect.cleandoc("\n" + part).splitlines()
        elif heading == "Args":
            paragraphs[heading] = re.split(r"\n(?=\w)", inspect.cleandoc("\n" + part))
        else:
            text = inspect.cleandoc("\n" + part if heading else part)
            paragraphs[heading] = [sentences(item) for item in text.split("\n\n") if item]
    return paragraphs


def argument_list(arguments: Iterable[str]) -> list[str]:
    """Return arguments in the form `name: description` as a Markdown list."""
    parts = (argument.partition(":") for argument in arguments)
    return [f"- `{name}`: {' '.join(text.split())}" for name, _, text in parts]


def signature(name: str, hook: Any) -> str:
    """Return the signature in the form of the source."""
    spec = inspect.signature(hook)
    arguments = ", ".join(f"{item.name}: {item.annotation}" for item in spec.parameters.values())
    line = f"def {name}({arguments}) -> {spec.return_annotation}: ..."
    if len(line) <= LINE_LENGTH:
        return line
    # As ruff formats it; with a comma at the end of one line, it would split the line.
    comma = "" if ", " in arguments else ","
    return f"def {name}(\n    {arguments}{comma}\n) -> {spec.return_annotation}: ..."
