"""The templates of a new project: an application, or a plugin for distribution."""

from __future__ import annotations

from actionhero_generate.generator import Template

APPLICATION = (
    Template("application/pyproject.toml.jinja", "pyproject.toml"),
    Template("application/README.md.jinja", "README.md"),
    Template("gitignore.jinja", ".gitignore"),
    Template("application/init.py.jinja", "{{ package }}/__init__.py"),
    Template("empty.jinja", "{{ package }}/py.typed"),
    Template("application/actions.py.jinja", "{{ package }}/actions/__init__.py"),
    Template("application/greet.py.jinja", "{{ package }}/actions/greet.py"),
    Template("application/test_greet.py.jinja", "tests/actions/test_greet.py"),
)

PLUGIN = (
    Template("plugin/pyproject.toml.jinja", "pyproject.toml"),
    Template("plugin/README.md.jinja", "README.md"),
    Template("gitignore.jinja", ".gitignore"),
    Template("plugin/checks.yml.jinja", ".github/workflows/checks.yml"),
    Template("plugin/init.py.jinja", "src/{{ package }}/__init__.py"),
    Template("empty.jinja", "src/{{ package }}/py.typed"),
    Template("plugin/plugin.py.jinja", "src/{{ package }}/plugin.py"),
    Template("plugin/settings.py.jinja", "src/{{ package }}/settings.py"),
    Template("plugin/greet.py.jinja", "src/{{ package }}/greet.py"),
    Template("plugin/test_greet.py.jinja", "tests/test_greet.py"),
)
