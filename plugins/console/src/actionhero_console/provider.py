"""`PanelProvider`: a panel of an application, found without registration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_console.panels import Panel


class PanelProvider(ABC):
    """Provides a panel. Subclasses in the application package are found.

    A plugin returns the panel from the hook `actionhero_console_panels` instead:
    `[Parcels().panel(app)]`.
    """

    @abstractmethod
    def panel(self, app: Application) -> Panel:
        """Return the panel. Called once, while the application is loaded."""
