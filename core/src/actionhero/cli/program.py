"""`main`: the program, which handles SIGTERM before it imports the command line."""

from __future__ import annotations

from actionhero.process.signal_handlers import exit_on_sigterm


def main() -> None:
    """Run the command line, and exit: with 78 for invalid settings or plugins."""
    exit_on_sigterm()
    # With click, this takes longer than the start of the interpreter.
    from actionhero.cli.group import run  # noqa: PLC0415

    run()
