"""A distribution uses only public names of the others."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGES = {
    path.parent.name: path.parent
    for pattern in ("core/src/*", "plugins/*/src/*", "example-plugins/*/src/*")
    for path in sorted(ROOT.glob(f"{pattern}/__init__.py"))
}
#: The modules whose names are public: those of core, and each plugin's own package.
PUBLIC = {
    "actionhero",
    "actionhero.cli",
    "actionhero.settings",
    "actionhero.testing",
    "actionhero.transport",
    *PACKAGES,
}
#: An import of ours in a template, which is no Python as a whole.
STATEMENT = re.compile(
    r"^(?:from (?:pytest_)?actionhero[\w.]* import (?:\([^)]*\)|[\w ,]+)"
    r"|import (?:pytest_)?actionhero[\w.]*)$",
    re.MULTILINE,
)
#: Names that are used although they are not public, each with its reason. At most five.
EXCEPTIONS: dict[str, str] = {}


class Use(NamedTuple):
    """An import of one name from another distribution."""

    place: str
    module: str
    name: str


def uses_in(text: str, place: str, package: str) -> Iterator[Use]:
    """Yield the imports of a module of `package` from other distributions of the workspace."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield from _use(node.module, alias.name, place, node.lineno, package)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _use(alias.name, "", place, node.lineno, package)


def _use(module: str, name: str, place: str, line: int, package: str) -> Iterator[Use]:
    other = module.partition(".")[0]
    if other in PACKAGES and other != package:
        yield Use(f"{place}:{line}", module, name)


def is_public(use: Use) -> bool:
    """Return whether a name is in the `__all__` of a public module, or is a public module."""
    if f"{use.module}.{use.name}" in PUBLIC:
        return True
    if use.module not in PUBLIC:
        return False
    return not use.name or use.name in importlib.import_module(use.module).__all__


def sources(package: str) -> Iterator[tuple[str, str]]:
    """Yield place and text of each module of `package`."""
    for path in sorted(PACKAGES[package].rglob("*.py")):
        yield str(path.relative_to(ROOT)), path.read_text("utf-8")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_uses_only_public_names_of_others(package: str) -> None:
    """Imports for type checkers are included: they break for a third party as well."""
    private = [
        f"{use.place}: {use.name} of {use.module} is not public; publish it in the package that "
        f"defines it, move it, or do without"
        for place, text in sources(package)
        for use in uses_in(text, place, package)
        if not is_public(use) and f"{use.module}.{use.name}" not in EXCEPTIONS
    ]

    assert not private, "\n".join(private)


def test_templates_of_new_projects_use_only_public_names() -> None:
    """A third party starts with a generated server, plugin or test."""
    folder = PACKAGES["actionhero_generate"] / "templates"
    uses = [
        use
        for path in sorted(folder.rglob("*.jinja"))
        for statement in STATEMENT.findall(path.read_text("utf-8"))
        for use in uses_in(statement, str(path.relative_to(ROOT)), "a third party")
    ]

    assert uses
    assert [use for use in uses if not is_public(use)] == []


def test_exceptions_are_few_and_used() -> None:
    """Each exception has a reason, and goes when nothing needs it."""
    used = {
        f"{use.module}.{use.name}"
        for package in PACKAGES
        for place, text in sources(package)
        for use in uses_in(text, place, package)
    }

    assert len(EXCEPTIONS) <= 5
    assert all(EXCEPTIONS.values())
    assert set(EXCEPTIONS) <= used


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_public_names_exist(module: str) -> None:
    """Each name of `__all__` can be imported, and is listed by `dir`."""
    package = importlib.import_module(module)

    for name in getattr(package, "__all__", ()):
        assert getattr(package, name) is not None
        assert name in dir(package)


@pytest.mark.parametrize("module", sorted(PUBLIC | {"actionhero_tasks.testing"}))
def test_no_public_name_is_the_name_of_a_submodule(module: str) -> None:
    """Importing the submodule would replace the name by the module."""
    package = importlib.import_module(module)

    submodules = {info.name for info in pkgutil.iter_modules(package.__path__)}

    assert submodules.isdisjoint(getattr(package, "__all__", ()))


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_type_checkers_see_the_names_that_exist_at_run_time(module: str) -> None:
    """The imports under `TYPE_CHECKING` and the lazy names agree."""
    package = importlib.import_module(module)
    assert package.__file__
    tree = ast.parse(Path(package.__file__).read_text("utf-8"))
    if not any(
        isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy_names"
        for node in ast.walk(tree)
    ):
        return

    seen = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }

    assert seen | {"__version__"} >= set(package.__all__)
    assert seen <= set(package.__all__)


@pytest.mark.parametrize(
    ("statement", "accepted"),
    [
        ("from actionhero import Action", True),
        ("from actionhero.transport import JsonPayload", True),
        ("from actionhero import transport", True),
        ("import actionhero", True),
        ("from actionhero.pipeline import Pipeline", False),
        ("from actionhero import pipeline", False),
        ("import actionhero.pipeline", False),
        ("from actionhero import NoSuchName", False),
        ("if TYPE_CHECKING:\n    from actionhero.action import RegisteredAction", False),
    ],
)
def test_private_names_are_recognized(statement: str, accepted: bool) -> None:
    """In every form of an import."""
    uses = list(uses_in(statement, "plugin.py", "actionhero_example"))

    assert uses
    assert all(is_public(use) for use in uses) is accepted


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    """The message names the package, as for any module."""
    with pytest.raises(AttributeError, match="module 'actionhero' has no attribute 'Acton'"):
        importlib.import_module("actionhero").Acton  # noqa: B018
