"""An OAuth 2.1 authorization server for ActionHero: clients and agents act for signed-in users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_oauth.authorization_server import AuthorizationServer as AuthorizationServer
    from actionhero_oauth.clients import Client as Client
    from actionhero_oauth.clients import ClientKind as ClientKind
    from actionhero_oauth.grant import Grant as Grant
    from actionhero_oauth.pages import PageTemplate as PageTemplate
    from actionhero_oauth.resources import ProtectedResource as ProtectedResource
    from actionhero_oauth.settings import OAuthSettings as OAuthSettings

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".authorization_server": ["AuthorizationServer"],
        ".clients": ["Client", "ClientKind"],
        ".grant": ["Grant"],
        ".pages": ["PageTemplate"],
        ".resources": ["ProtectedResource"],
        ".settings": ["OAuthSettings"],
    },
)
