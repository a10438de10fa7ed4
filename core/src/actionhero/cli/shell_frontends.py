"""The interactive programs of `actionhero shell`: that of Python with a history, and IPython."""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from code import InteractiveConsole
    from pathlib import Path

    from actionhero.cli.event_loop_thread import EventLoopThread

#: The longest history, in lines.
MAX_HISTORY = 2000


def run_standard(console: InteractiveConsole, banner: str, history: Path) -> None:
    """Run the shell of Python, with completion and a history if readline is available.

    Args:
        console: The shell.
        banner: The text before the first prompt.
        history: The file of the history.
    """
    try:
        # Windows has none.
        import readline  # noqa: PLC0415
        import rlcompleter  # noqa: PLC0415
    except ImportError:
        console.interact(banner, exitmsg="")
        return
    readline.set_completer(rlcompleter.Completer(console.locals).complete)
    readline.parse_and_bind("tab: complete")
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    try:
        console.interact(banner, exitmsg="")
    finally:
        readline.set_history_length(MAX_HISTORY)
        with contextlib.suppress(OSError):
            history.parent.mkdir(parents=True, exist_ok=True)
            # Lines may contain secrets.
            history.touch(mode=0o600)
            readline.write_history_file(history)


def run_ipython(namespace: Any, loop: EventLoopThread, banner: str) -> bool:
    """Run IPython, and return whether it is installed."""
    try:
        embed: Any = import_module("IPython.terminal.embed")
    except ImportError:
        return False
    shell = embed.InteractiveShellEmbed(user_ns=namespace, banner1=f"{banner}\n")
    shell.autoawait = True
    # IPython runs each coroutine with it: in the event loop of the application.
    shell.loop_runner = loop.run
    shell()
    return True
