"""The component types of this package, depending on the installed packages."""

from __future__ import annotations

import importlib.util

from actionhero_generate.generator import Generator, Template


def _templates(component: str, folder: str) -> tuple[Template, ...]:
    target = "{{ package_folder }}/" + folder
    return (
        Template(
            "components/init.py.jinja", "{{ package_folder }}/__init__.py", keep_existing=True
        ),
        Template(
            f"components/{folder}_folder.py.jinja", f"{target}/__init__.py", keep_existing=True
        ),
        Template(f"components/{component}.py.jinja", f"{target}/{{{{ module }}}}.py"),
        Template(
            f"components/test_{component}.py.jinja", f"tests/{folder}/test_{{{{ module }}}}.py"
        ),
    )


_CORE = (
    Generator("action", "An action with inputs and a route.", _templates("action", "actions")),
    Generator(
        "middleware",
        "A middleware that refuses anonymous calls.",
        _templates("middleware", "middleware"),
        note="add it to the actions that need it: middleware = [{{ class_name }}()]",
    ),
    Generator(
        "initializer",
        "A resource that starts and stops with the application.",
        _templates("initializer", "initializers"),
    ),
    Generator("server", "A line-based TCP server.", _templates("server", "servers")),
)
#: The component types that need another package.
_OPTIONAL = {
    "actionhero_channels": Generator(
        "channel", "A channel for signed-in users.", _templates("channel", "channels")
    ),
    "actionhero_console": Generator(
        "panel",
        "A panel of the operator's console.",
        (
            *_templates("panel", "panels"),
            Template(
                "components/panel.js.jinja",
                "{{ package_folder }}/panels/{{ module }}_assets/panel.js",
            ),
        ),
    ),
    "actionhero_db": Generator(
        "migration", "A migration for the current models.", command=("db", "make")
    ),
    "actionhero_tasks": Generator("task", "A recurring action.", _templates("task", "tasks")),
}


def available_generators() -> list[Generator]:
    """Return the generators for the installed packages."""
    optional = [
        generator for package, generator in _OPTIONAL.items() if importlib.util.find_spec(package)
    ]
    return [*_CORE, *optional]


def distribution_of(component: str) -> str | None:
    """Return the distribution that a component type needs, or `None`."""
    for package, generator in _OPTIONAL.items():
        if generator.component == component:
            return package.replace("_", "-")
    return None
