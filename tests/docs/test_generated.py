"""The pages that the source tells are what it tells now."""

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
#: What is looked up when an example imports from us; others' packages are made up.
OURS = {"actionhero", "actionhero_web", "actionhero_hello"}

# They are in no package.
with patch.object(sys, "path", [str(ROOT / "docs"), *sys.path]):
    GENERATOR = importlib.import_module("generate")
    HOOKS_PAGE = importlib.import_module("hooks_page")
HOOKS = {name: hook for _, name, hook in HOOKS_PAGE.all_hooks()}
EXAMPLES = {name: "\n".join(HOOKS_PAGE.sections(hook)["Example"]) for name, hook in HOOKS.items()}

each_example = pytest.mark.parametrize("name", HOOKS)


def test_the_generated_pages_are_up_to_date() -> None:
    """Whoever changes a docstring, a setting or an option runs `python docs/generate.py`."""
    stale = [
        path.name
        for path, text in GENERATOR.pages().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]

    assert stale == []


def test_the_reference_of_hooks_shows_each_signature() -> None:
    """A hook's arguments are told as they are."""
    text = (ROOT / "docs" / "reference" / "hooks.md").read_text("utf-8")

    for name, hook in HOOKS.items():
        assert f"### `{name}`\n\n```python\n{HOOKS_PAGE.signature(name, hook)}\n```" in text
    assert "def actionhero_actions(app: Application) -> Sequence[type[Action]] | None: ..." in text


@each_example
def test_the_example_of_a_hook_is_one_that_is_taken(name: str) -> None:
    """Copied into a plugin.py, it is registered without a complaint."""
    code = EXAMPLES[name].removeprefix("```python\n").removesuffix("```")
    namespace: dict[str, Any] = {"hookimpl": hookimpl}
    exec(compile(code, name, "exec"), namespace)
    implementation = SimpleNamespace(**{name: namespace[name]})
    example = Plugin("example", "", implementation=implementation)
    specifying = [
        Plugin(owner, "", implementation=importlib.import_module(f"actionhero_{owner}.plugin"))
        for owner in ("channels", "db", "generate", "tasks", "web", "websocket")
        if f"{name}_".startswith(f"actionhero_{owner}_")
        or (owner == "generate" and name == "actionhero_generators")
        # It leans on the hooks of web.
        or (owner == "web" and name.startswith("actionhero_websocket_"))
    ]
    host = PluginHost()

    host.register([*specifying, example])

    assert host.problems == []
    assert [plugin.name for plugin in host.implementers(name)][-1] == "example"


@each_example
def test_what_an_example_imports_from_us_is_there(name: str) -> None:
    """The names in it can be imported from where it says."""
    code = EXAMPLES[name].removeprefix("```python\n").removesuffix("```")

    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in OURS:
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.util.find_spec(
                    f"{node.module}.{alias.name}"
                )
