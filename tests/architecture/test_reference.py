"""The reference tells all that there is: every hook and every public name."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import actionhero

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def hooks() -> dict[str, str]:
    """Return the name of every hook of ours, and the module that specifies it."""
    found = {}
    for pattern in ("core/src/*", "plugins/*/src/*"):
        for path in sorted(ROOT.glob(f"{pattern}/hookspecs.py")):
            module = importlib.import_module(f"{path.parent.name}.hookspecs")
            marked = {name for name, value in vars(module).items() if is_hook(value)}
            found.update(dict.fromkeys(sorted(marked), module.__name__))
    return found


def is_hook(value: object) -> bool:
    """Tell whether pluggy's mark of a hook specification is on `value`."""
    return hasattr(value, "actionhero_spec")


HOOKS = hooks()

each_hook = pytest.mark.parametrize("hook", HOOKS)


def test_the_hooks_of_core_are_those_that_are_specified() -> None:
    """Every function of a hookspecs module that is named like a hook is marked as one."""
    assert "actionhero_actions" in HOOKS
    for module in set(HOOKS.values()):
        names = vars(importlib.import_module(module))
        assert {name for name in names if name.startswith("actionhero_")} <= set(HOOKS)


@each_hook
def test_every_hook_has_a_heading_in_the_reference(hook: str) -> None:
    """Who reads of a hook somewhere finds it in the reference."""
    text = (REFERENCE / "hooks.md").read_text("utf-8")

    assert re.search(rf"^(#+ .*\b|::: [\w.]+\.){hook}\b", text, re.MULTILINE)


@each_hook
def test_every_hook_is_named_in_a_test(hook: str) -> None:
    """No hook is promised that no test uses."""
    tests = [
        path
        for path in ROOT.glob("**/tests/**/test_*.py")
        if ROOT / "tests" / "architecture" not in path.parents
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    ]

    assert any(hook in path.read_text("utf-8") for path in tests)


@each_hook
def test_every_hook_is_documented_in_the_same_parts(hook: str) -> None:
    """One shape to learn: what it is for, in which order plugins are asked, an example."""
    docstring = vars(importlib.import_module(HOOKS[hook]))[hook].__doc__

    for part in ("Order:", "Example:"):
        assert part in docstring


def test_the_public_names_are_those_of_the_reference() -> None:
    """What `actionhero` offers and what the reference lists are the same names.

    A name is listed where a heading, a table row or a list item starts with it as code, or where
    the page pulls its documentation from the source.
    """
    text = (REFERENCE / "api.md").read_text("utf-8")
    pattern = re.compile(r"^(?:(?:#+|\||[-*]) `(\w+)`|::: actionhero\.(\w+)$)", re.MULTILINE)

    listed = {first or second for first, second in pattern.findall(text)}

    assert listed == set(actionhero.__all__)


def test_every_public_name_is_there() -> None:
    """Names are handed out when they are first wanted: each of them can be."""
    for name in actionhero.__all__:
        assert getattr(actionhero, name).__doc__
        assert name in dir(actionhero)
