"""The `actionhero` command, and the names that plugins need to add commands to it.

Its names are imported on first use: a plugin that adds a `LazyCommand` imports only click.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.plugins import lazy_names

if TYPE_CHECKING:
    from actionhero.cli.banner import announce as announce
    from actionhero.cli.call import ActionGroup as ActionGroup
    from actionhero.cli.call import action_command as action_command
    from actionhero.cli.call import loaded_app as loaded_app
    from actionhero.cli.call import unknown_action_command as unknown_action_command
    from actionhero.cli.command_context import CommandContext as CommandContext
    from actionhero.cli.error_output import exit_code as exit_code
    from actionhero.cli.error_output import write_error as write_error
    from actionhero.cli.error_output import write_error_document as write_error_document
    from actionhero.cli.group import CommandGroup as CommandGroup
    from actionhero.cli.input_options import InputDescription as InputDescription
    from actionhero.cli.input_options import InputKind as InputKind
    from actionhero.cli.input_options import default_text as default_text
    from actionhero.cli.input_options import described_options as described_options
    from actionhero.cli.lazy_command import LazyCommand as LazyCommand
    from actionhero.cli.lazy_command import SettingOption as SettingOption
    from actionhero.cli.operations import audited as audited
    from actionhero.cli.output import EXIT_CONFIGURATION as EXIT_CONFIGURATION
    from actionhero.cli.output import EXIT_DATA as EXIT_DATA
    from actionhero.cli.output import EXIT_FAILED as EXIT_FAILED
    from actionhero.cli.output import EXIT_OUTPUT as EXIT_OUTPUT
    from actionhero.cli.output import EXIT_UNAVAILABLE as EXIT_UNAVAILABLE
    from actionhero.cli.output import EXIT_USAGE as EXIT_USAGE
    from actionhero.cli.output import StreamWriter as StreamWriter
    from actionhero.cli.output import configure_logs as configure_logs
    from actionhero.cli.output import format_option as format_option
    from actionhero.cli.output import write_json as write_json
    from actionhero.cli.output import write_rows as write_rows
    from actionhero.cli.output import write_value as write_value
    from actionhero.cli.program import main as main
    from actionhero.cli.standard_streams import reserve_stdout as reserve_stdout
    from actionhero.cli.start import run_servers as run_servers
    from actionhero.cli.user_type import UserType as UserType
    from actionhero.logs.formatters import escape as escape
    from actionhero.plugins.command_targets import CommandTarget as CommandTarget
    from actionhero.plugins.host import load_plugins as load_plugins

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".call": ["ActionGroup", "action_command", "loaded_app", "unknown_action_command"],
        ".command_context": ["CommandContext"],
        ".error_output": ["exit_code", "write_error", "write_error_document"],
        ".group": ["CommandGroup"],
        ".lazy_command": ["LazyCommand", "SettingOption"],
        ".input_options": ["InputDescription", "InputKind", "default_text", "described_options"],
        ".operations": ["audited"],
        ".output": [
            "EXIT_CONFIGURATION",
            "EXIT_DATA",
            "EXIT_FAILED",
            "EXIT_OUTPUT",
            "EXIT_UNAVAILABLE",
            "EXIT_USAGE",
            "StreamWriter",
            "configure_logs",
            "format_option",
            "write_json",
            "write_rows",
            "write_value",
        ],
        ".program": ["main"],
        ".standard_streams": ["reserve_stdout"],
        ".banner": ["announce"],
        ".start": ["run_servers"],
        ".user_type": ["UserType"],
        "actionhero.plugins.command_targets": ["CommandTarget"],
        "actionhero.logs.formatters": ["escape"],
        "actionhero.plugins.host": ["load_plugins"],
    },
)
