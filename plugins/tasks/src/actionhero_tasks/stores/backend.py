"""`StoreBackend`: a kind of job store, as plugins contribute it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.stores.store import JobStore


class StoreBackend(ABC):
    """A kind of job store, which the hook `actionhero_tasks_stores` contributes.

    Its module must not import the driver: it is imported with every application.
    """

    #: The value of `tasks.store` that selects it.
    name: ClassVar[str]
    #: Where the jobs are, for messages: "jobs are stored in {place}".
    place: ClassVar[str]
    #: Whether the processes of several machines can use one store. If not, servers run jobs by
    #: default, and in production `tasks.store` must select it by name.
    is_shared: ClassVar[bool] = True
    #: What `pip install` needs for it, for messages; empty if nothing is needed.
    requirement: ClassVar[str] = ""
    #: The variable with the URL of its server, for messages; empty if it has none.
    url_variable: ClassVar[str] = ""

    def unavailable_reason(self, app: Application) -> str | None:
        """Return why the application cannot use the store, or `None` if it can.

        Such as that a driver is not installed. Whether a server responds is not checked. A remedy
        other than `requirement` follows a semicolon.

        Args:
            app: The loaded application.
        """
        return None

    def is_configured(self, app: Application) -> bool:
        """Return whether `tasks.store = "auto"` selects it, such as because there is a URL.

        Args:
            app: The loaded application.
        """
        return False

    @abstractmethod
    def open(self, app: Application) -> JobStore:
        """Open the store of an application. Called in a thread; each call opens connections.

        Args:
            app: The loaded application.

        Raises:
            BootError: The store cannot be used.
            StoreUnavailable: The store cannot be reached.
        """
