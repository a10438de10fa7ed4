"""The plugin `channels`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    import click

    from actionhero import Application, Initializer, Instrument, Settings
    from actionhero_console import Panel


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_channels import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_channels.settings import ChannelsSettings

    return [ChannelsSettings]


@hookimpl
def actionhero_component_types() -> list[type]:
    from actionhero_channels.channel import Channel

    return [Channel]


@hookimpl
def actionhero_initializers() -> list[Initializer]:
    from actionhero_channels.initializer import ChannelsInitializer

    return [ChannelsInitializer()]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_channels.registry import load_registry

    return load_registry(app)[1]


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    group.add_command(
        LazyCommand(
            "channels",
            "actionhero_channels.commands:channels",
            "List the channels.",
            topic="Inspect",
        )
    )


@hookimpl
def actionhero_instruments(app: Application) -> list[Instrument]:
    from actionhero_channels.instruments import instruments

    return instruments(app)


@hookimpl(optionalhook=True)
def actionhero_console_panels(app: Application) -> list[Panel]:
    from actionhero_channels.console_panel import channels_panel

    return [channels_panel(app)]
