"""The operator's console of ActionHero, and the panels that plugins add to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_console.cached_read import CachedRead as CachedRead
    from actionhero_console.operators import Account as Account
    from actionhero_console.operators import Operator as Operator
    from actionhero_console.operators import OperatorSource as OperatorSource
    from actionhero_console.operators import Role as Role
    from actionhero_console.panels import Change as Change
    from actionhero_console.panels import Panel as Panel
    from actionhero_console.panels import PanelContext as PanelContext
    from actionhero_console.panels import ProcessAnswer as ProcessAnswer
    from actionhero_console.panels import ProcessAnswers as ProcessAnswers
    from actionhero_console.panels import Read as Read
    from actionhero_console.provider import PanelProvider as PanelProvider
    from actionhero_console.redirects import panel_redirects as panel_redirects
    from actionhero_console.settings import ConsoleSettings as ConsoleSettings
    from actionhero_console.users import parse_user as parse_user
    from actionhero_console.users import user_text as user_text

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".cached_read": ["CachedRead"],
        ".operators": ["Account", "Operator", "OperatorSource", "Role"],
        ".panels": ["Change", "Panel", "PanelContext", "ProcessAnswer", "ProcessAnswers", "Read"],
        ".provider": ["PanelProvider"],
        ".redirects": ["panel_redirects"],
        ".settings": ["ConsoleSettings"],
        ".users": ["parse_user", "user_text"],
    },
)
