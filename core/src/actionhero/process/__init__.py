"""The process of an application: event loop, signals, exit codes, and the process above it.

Its names are imported on first use: every command handles signals before it imports asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.plugins import lazy_names

if TYPE_CHECKING:
    from actionhero.process.forced_exit import on_forced_exit as on_forced_exit
    from actionhero.process.parent import parent_environ as parent_environ
    from actionhero.process.parent import parent_id as parent_id
    from actionhero.process.serving import EXIT_SOFTWARE as EXIT_SOFTWARE
    from actionhero.process.serving import STOP_SIGNALS as STOP_SIGNALS
    from actionhero.process.serving import StopSignals as StopSignals
    from actionhero.process.serving import exit_now as exit_now
    from actionhero.process.serving import exit_soon as exit_soon
    from actionhero.process.serving import loop_factory as loop_factory
    from actionhero.process.serving import run_interruptible as run_interruptible
    from actionhero.process.serving import serve as serve
    from actionhero.process.signal_handlers import exit_on_sigterm as exit_on_sigterm

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".forced_exit": ["on_forced_exit"],
        ".parent": ["parent_environ", "parent_id"],
        ".serving": [
            "EXIT_SOFTWARE",
            "STOP_SIGNALS",
            "StopSignals",
            "exit_now",
            "exit_soon",
            "loop_factory",
            "run_interruptible",
            "serve",
        ],
        ".signal_handlers": ["exit_on_sigterm"],
    },
)
