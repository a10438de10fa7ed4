"""The plugin `generate`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    import click

    from actionhero_generate.generator import Generator


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_generate import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_generators() -> list[Generator]:
    from actionhero_generate.component_types import available_generators

    return available_generators()


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    group.add_command(
        LazyCommand(
            "new",
            "actionhero_generate.commands:new",
            "Create an application or a plugin.",
            topic="Develop",
        )
    )
    group.add_command(
        LazyCommand(
            "generate",
            "actionhero_generate.commands:generate",
            "Add a component to the application: generate COMPONENT NAME.",
            topic="Develop",
        )
    )
