"""The reference is complete: every hook and every public name."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import actionhero

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def hooks() -> dict[str, str]:
    """Return the names of all hooks, and the modules that specify them."""
    specified = {}
    for pattern in ("core/src/*", "plugins/*/src/*"):
        for path in sorted(ROOT.glob(f"{pattern}/**/*hookspecs.py")):
            source = next(parent for parent in path.parents if parent.name == "src")
            module = importlib.import_module(
                ".".join(path.relative_to(source).with_suffix("").parts)
            )
            marked = {name for name, value in vars(module).items() if is_hook(value)}
            specified.update(dict.fromkeys(sorted(marked), module.__name__))
    return specified


def is_hook(value: object) -> bool:
    """Return whether `value` is marked as a hook specification by pluggy."""
    return hasattr(value, "actionhero_spec")


HOOKS = hooks()

each_hook = pytest.mark.parametrize("hook", HOOKS)


def test_every_function_named_like_a_hook_is_specified() -> None:
    """A function of a hookspecs module without the mark would never be called."""
    assert "actionhero_actions" in HOOKS
    for module in set(HOOKS.values()):
        names = vars(importlib.import_module(module))
        assert {name for name in names if name.startswith("actionhero_")} <= set(HOOKS)


@each_hook
def test_every_hook_has_a_heading_in_the_reference(hook: str) -> None:
    """Each hook has an entry in the reference."""
    text = (REFERENCE / "hooks.md").read_text("utf-8")

    assert re.search(rf"^(#+ .*\b|::: [\w.]+\.){hook}\b", text, re.MULTILINE)


def test_every_hook_is_named_in_a_test() -> None:
    """Each hook is used by a test."""
    tests = [
        path.read_text("utf-8")
        for pattern in ("core", "plugins/*", "example-plugins/*", ".")
        for path in ROOT.glob(f"{pattern}/tests/**/test_*.py")
        if ROOT / "tests" / "architecture" not in path.parents
    ]

    assert [hook for hook in HOOKS if not any(hook in text for text in tests)] == []


@each_hook
def test_every_hook_has_the_same_sections(hook: str) -> None:
    """Each docstring has the order of the calls, and an example."""
    docstring = vars(importlib.import_module(HOOKS[hook]))[hook].__doc__

    for part in ("Order:", "Example:"):
        assert part in docstring


def test_the_reference_lists_the_public_names() -> None:
    """The names of `actionhero` and of the reference are the same.

    A name is listed if a heading, a table row or a list item starts with it as code, or if the
    page includes its docstring.
    """
    text = (REFERENCE / "api.md").read_text("utf-8")
    pattern = re.compile(r"^(?:(?:#+|\||[-*]) `(\w+)`|::: actionhero\.(\w+)$)", re.MULTILINE)

    listed = {first or second for first, second in pattern.findall(text)}

    assert listed == set(actionhero.__all__)


def test_every_public_name_has_a_docstring() -> None:
    """Lazy names are imported on use; each of them exists."""
    for name in actionhero.__all__:
        assert getattr(actionhero, name).__doc__
        assert name in dir(actionhero)
