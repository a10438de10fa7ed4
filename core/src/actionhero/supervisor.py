"""A parent process that starts others in place of serving itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar


class Supervisor(ABC):
    """Starts processes, looks after them, and ends them; given by `actionhero_supervisor`."""

    #: Whether it runs although something is wrong with the application, which may be mended
    #: meanwhile. Wrong settings are refused all the same.
    bears_problems: ClassVar[bool] = False

    @abstractmethod
    def run(self) -> int:
        """Run until told to stop, in the main thread, and return the exit code."""
