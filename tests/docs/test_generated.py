"""Tests of the generated reference pages, and of the examples of hooks."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from actionhero import hookimpl
from actionhero.plugins.discovery import Plugin
from actionhero.plugins.host import PluginHost

ROOT = Path(__file__).parents[2]
#: The packages whose names are checked when an example imports them; others are fictitious.
OWN_PACKAGES = {"actionhero", "actionhero_web", "actionhero_hello"}
#: The plugins that specify hooks.
_SPECIFYING = (
    *("auth", "channels", "console", "db", "generate", "mcp", "oauth", "tasks", "web", "websocket"),
)
#: The hooks of plugins that implement hooks of the web plugin.
_OF_WEB_PLUGINS = (
    *("actionhero_console_", "actionhero_mcp_", "actionhero_oauth_", "actionhero_websocket_"),
)

# The generators are not part of a package.
with patch.object(sys, "path", [str(ROOT / "docs"), *sys.path]):
    GENERATOR = importlib.import_module("generate")
    HOOKS_PAGE = importlib.import_module("hooks_page")
HOOKS = {name: hook for _, name, hook in HOOKS_PAGE.all_hooks()}
EXAMPLES = {name: "\n".join(HOOKS_PAGE.sections(hook)["Example"]) for name, hook in HOOKS.items()}

each_example = pytest.mark.parametrize("name", HOOKS)


def test_generated_pages_are_up_to_date() -> None:
    """After a change of a docstring, a setting or an option, run `python docs/generate.py`."""
    stale = [
        path.name
        for path, text in GENERATOR.pages().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]

    assert stale == []


def test_hooks_page_shows_each_signature() -> None:
    """The arguments of each hook are documented."""
    text = (ROOT / "docs" / "reference" / "hooks.md").read_text("utf-8")

    for name, hook in HOOKS.items():
        assert f"### `{name}`\n\n```python\n{HOOKS_PAGE.signature(name, hook)}\n```" in text
    assert "def actionhero_actions(app: Application) -> Sequence[type[Action]] | None: ..." in text


@each_example
def test_example_of_a_hook_is_registered(name: str) -> None:
    """As a part of a plugin.py, the example is registered without a problem."""
    code = EXAMPLES[name].removeprefix("```python\n").removesuffix("```")
    namespace: dict[str, Any] = {"hookimpl": hookimpl}
    exec(compile(code, name, "exec"), namespace)
    implementation = SimpleNamespace(**{name: namespace[name]})
    example = Plugin("example", "", implementation=implementation)
    specifying = [
        Plugin(short, "", implementation=importlib.import_module(f"actionhero_{short}.plugin"))
        for short in _SPECIFYING
        if f"{name}_".startswith(f"actionhero_{short}_")
        or (short == "generate" and name == "actionhero_generators")
        # These plugins implement hooks of the web plugin.
        or (short == "web" and name.startswith(_OF_WEB_PLUGINS))
    ]
    host = PluginHost()

    host.register([*specifying, example])

    assert host.problems == []
    assert [plugin.name for plugin in host.implementers(name)][-1] == "example"


@each_example
def test_imports_of_an_example_exist(name: str) -> None:
    """Names that an example imports from our packages exist."""
    code = EXAMPLES[name].removeprefix("```python\n").removesuffix("```")

    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in OWN_PACKAGES:
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.util.find_spec(
                    f"{node.module}.{alias.name}"
                )
