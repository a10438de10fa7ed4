"""The checks of `actionhero plugins check`, for authors of plugins."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final

import click

from actionhero.health import Diagnosis, Finding
from actionhero.plugins.discovery import APPLICATION, CORE, PluginState
from actionhero.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero.app import App
    from actionhero.plugins.discovery import Plugin

#: Libraries that a `plugin.py` imports in its functions, so that each command starts fast.
_HEAVY: Final = (
    "aiohttp", "asyncio", "dramatiq", "orjson", "pydantic", "redis", "rich", "sqlalchemy",
    "tortoise",
)  # fmt: skip
_REQUIRES_CORE: Final = re.compile(r"actionhero(\[[^\]]*\])?\s*($|[<>=!~(;])", re.IGNORECASE)
#: The program that lists the heavy libraries that a module imports.
_IMPORT_PROGRAM: Final = """\
import sys
import actionhero.plugins.hookspecs, click
before = set(sys.modules)
__import__(sys.argv[1])
print(*sorted(set(sys.argv[2:]) & (set(sys.modules) - before)))
"""
_IMPORT_SECONDS: Final = 30


def check_plugin(app: App, plugin: Plugin) -> list[Diagnosis]:
    """Return the results of all checks of a plugin."""
    problems = [problem for problem in app.problems if plugin.owner in problem]
    if plugin.state is PluginState.DISABLED:
        return [Diagnosis("state", Finding.WARNING, f"not checked: {plugin.reason}")]
    diagnoses = [Diagnosis("load", Finding.FAILED, problem) for problem in problems]
    if plugin.state is PluginState.FAILED:
        return diagnoses
    if not diagnoses:
        diagnoses.append(Diagnosis("load", Finding.OK, f"{plugin.owner} is loaded"))
    for name, check in (
        ("metadata", _check_metadata),
        ("import", _check_import),
        ("hooks", _check_hooks),
        ("settings", _check_settings),
        ("commands", _check_commands),
    ):
        faults = list(check(app, plugin))
        diagnoses += [Diagnosis(name, finding, message) for finding, message in faults]
        if not faults:
            diagnoses.append(Diagnosis(name, Finding.OK, _SUMMARIES[name]))
    return diagnoses


_SUMMARIES: Final = {
    "metadata": "the distribution requires actionhero",
    "import": "plugin.py imports no heavy library",
    "hooks": "all hooks are known, and return a result",
    "settings": "all settings have a description",
    "commands": "all commands can be imported",
}


def _check_metadata(app: App, plugin: Plugin) -> Iterator[tuple[Finding, str]]:
    if plugin.distribution is None:
        return
    if not any(_REQUIRES_CORE.match(text) for text in plugin.requires):
        yield (
            Finding.WARNING,
            (
                f"{plugin.distribution} does not require actionhero; add it to the dependencies in "
                "pyproject.toml, with the versions that it supports"
            ),
        )


def _check_import(app: App, plugin: Plugin) -> Iterator[tuple[Finding, str]]:
    if plugin.name in (CORE, APPLICATION):
        return
    process = subprocess.run(  # noqa: S603 - a module that is imported here, too
        [sys.executable, "-c", _IMPORT_PROGRAM, plugin.module_name, *_HEAVY],
        capture_output=True,
        text=True,
        timeout=_IMPORT_SECONDS,
        check=False,
    )
    if heavy := process.stdout.split():
        yield (
            Finding.WARNING,
            (
                f"{plugin.module_name} imports {', '.join(heavy)}, which slows every command down; "
                "import it in the functions of the hooks"
            ),
        )


def _check_hooks(app: App, plugin: Plugin) -> Iterator[tuple[Finding, str]]:
    implementation = plugin.implementation
    hooks = app.plugins.hooks
    implemented = [name for name in hooks if plugin in app.plugins.implementers(name)]
    if not implemented and plugin.name != APPLICATION:
        yield (
            Finding.FAILED,
            (
                f"{plugin.module_name} implements no hook; decorate its functions with "
                "@hookimpl, and check that the entry point names the right module"
            ),
        )
    for name in implemented:
        for owner, function in app.plugins.functions(name):
            if owner is plugin and _needs_result(hooks[name].function) and not _returns(function):
                yield (
                    Finding.FAILED,
                    f"{name} ({_place(function)}) returns nothing; add the return statement",
                )
    for name, function in vars(implementation).items() if inspect.ismodule(implementation) else ():
        if not inspect.isfunction(function) or name.startswith("actionhero_") or name[0] == "_":
            continue
        if function.__module__ != plugin.module_name:
            continue
        close = difflib.get_close_matches(name, hooks, n=1, cutoff=0.8)
        near = close or [hook for hook in hooks if hook.removeprefix("actionhero_") == name]
        if near:
            yield (
                Finding.FAILED,
                f"the function {name} ({_place(function)}) is no hook; did you mean {near[0]}?",
            )


def _needs_result(specification: Any) -> bool:
    """Return whether the implementations of a hook return a value."""
    return inspect.signature(specification).return_annotation not in ("None", None)


def _returns(function: Any) -> bool:
    """Return whether a function has a `return` with a value; `True` if its source is unknown."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError):
        return True
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Return | ast.Raise)]
    return any(isinstance(node, ast.Raise) or node.value is not None for node in statements)


def _check_settings(app: App, plugin: Plugin) -> Iterator[tuple[Finding, str]]:
    for owner, function in app.plugins.functions("actionhero_settings"):
        if owner is not plugin:
            continue
        for section in app.plugins.call_one(plugin, "actionhero_settings", function, {}) or ():
            if not (isinstance(section, type) and issubclass(section, Settings)):
                continue
            bare = [key for key, field in section.model_fields.items() if not field.description]
            if bare:
                yield (
                    Finding.WARNING,
                    (
                        f"section {section.section!r}: no description of {', '.join(bare)}; use "
                        "Field(description=…), which listings and the reference show"
                    ),
                )
            required = [key for key, field in section.model_fields.items() if field.is_required()]
            if required:
                yield (
                    Finding.WARNING,
                    (
                        f"section {section.section!r}: {', '.join(required)} without a default; "
                        "every start fails until it is set"
                    ),
                )


def _check_commands(app: App, plugin: Plugin) -> Iterator[tuple[Finding, str]]:
    context = click.get_current_context().find_root()
    root: Any = context.command
    for name in root.list_commands(context):
        if root.owner_of(name) != plugin.owner:
            continue
        command = root.commands[name]
        if not hasattr(command, "load"):
            yield (
                Finding.WARNING,
                f"the command {name!r} is imported with plugin.py; use LazyCommand",
            )
            continue
        try:
            loaded = command.load()
        except Exception as error:  # noqa: BLE001 - code of the plugin
            yield (
                Finding.FAILED,
                (
                    f"the command {name!r} cannot be imported: {type(error).__name__}: {error}; "
                    "fix the target of its LazyCommand"
                ),
            )
            continue
        if not loaded.help:
            yield (Finding.WARNING, f"the command {name!r} has no docstring for its --help")


def _place(function: Any) -> str:
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"
