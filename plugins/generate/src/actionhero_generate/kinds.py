"""The kinds of parts that this package can write, as far as what they need is installed."""

from __future__ import annotations

import importlib.util

from actionhero_generate.generator import Generator, Template


def _files(kind: str, folder: str) -> tuple[Template, ...]:
    inside = "{{ package_folder }}/" + folder
    return (
        Template("kinds/init.py.jinja", "{{ package_folder }}/__init__.py", kept=True),
        Template(f"kinds/{folder}_folder.py.jinja", f"{inside}/__init__.py", kept=True),
        Template(f"kinds/{kind}.py.jinja", f"{inside}/{{{{ module }}}}.py"),
        Template(f"kinds/test_{kind}.py.jinja", f"tests/{folder}/test_{{{{ module }}}}.py"),
    )


_EVERYWHERE = (
    Generator("action", "What can be called, over every door.", _files("action", "actions")),
    Generator(
        "middleware",
        "What is true of a call before an action runs.",
        _files("middleware", "middleware"),
        note="list it where it applies: middleware = [{{ class_name }}()]",
    ),
    Generator(
        "initializer",
        "What is set up before the doors open.",
        _files("initializer", "initializers"),
    ),
    Generator("server", "A door: brings calls to actions.", _files("server", "servers")),
)
#: Beside the package that it takes.
_WITH = {
    "actionhero_channels": Generator(
        "channel", "What can be listened to.", _files("channel", "channels")
    ),
    "actionhero_db": Generator(
        "migration", "How tables change, for the models as they are now.", command=("db", "make")
    ),
    "actionhero_tasks": Generator("task", "An action that recurs.", _files("task", "tasks")),
}


def kinds() -> list[Generator]:
    """Return those that are of use with what is installed."""
    there = [kind for package, kind in _WITH.items() if importlib.util.find_spec(package)]
    return [*_EVERYWHERE, *there]


def package_of(kind: str) -> str | None:
    """Return the distribution to install for a kind that is known, or `None`."""
    for package, generator in _WITH.items():
        if generator.kind == kind:
            return package.replace("_", "-")
    return None
