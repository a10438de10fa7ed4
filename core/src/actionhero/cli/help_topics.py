"""The list of commands in `actionhero --help`: by topic, and examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import click

#: The topics in their order. Others follow: those of plugins that name none of these.
TOPICS: Final = ("Run", "Call", "Develop", "Data", "API", "Access", "Servers", "Inspect")

_EXAMPLES: Final = (
    ("actionhero start --port 9000", "Start the servers on another port."),
    ("actionhero call status", "Call an action."),
    ("actionhero call status --help", "List the inputs of an action."),
    ("actionhero config logs", "List the settings of a section."),
    ("actionhero --set logs.level=debug start", "Set a setting for one run."),
)


def write_commands(
    group: click.Group,
    context: click.Context,
    formatter: click.HelpFormatter,
    owner_of: Callable[[str], str],
) -> None:
    """Write the commands of the program, with a heading for each topic.

    Args:
        group: The program.
        context: Its context.
        formatter: The formatter of its help.
        owner_of: Returns the plugin of a command, for a command without a topic.
    """
    topics: dict[str, list[tuple[str, click.Command]]] = {topic: [] for topic in TOPICS}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        topic = getattr(command, "topic", "") or f"Commands of {owner_of(name)}"
        topics.setdefault(topic, []).append((name, command))
    width = max(len(name) for commands in topics.values() for name, _ in commands)
    limit = formatter.width - 6 - width
    for topic, commands in topics.items():
        if commands:
            with formatter.section(topic):
                formatter.write_dl(
                    [
                        (f"{name:<{width}}", command.get_short_help_str(limit))
                        for name, command in commands
                    ]
                )


def write_examples(formatter: click.HelpFormatter) -> None:
    """Write examples of command lines."""
    with formatter.section("Examples"):
        formatter.write_dl(list(_EXAMPLES))
