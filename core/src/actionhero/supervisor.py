"""A parent process that starts others in place of serving itself."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Supervisor(ABC):
    """Starts processes, looks after them, and ends them; given by `actionhero_supervisor`."""

    @abstractmethod
    def run(self) -> int:
        """Run until told to stop, in the main thread, and return the exit code."""
