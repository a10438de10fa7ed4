"""The HTTP server of ActionHero. Importing `Route`, for authors of actions, imports no aiohttp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names
from actionhero_web.route import Route as Route

if TYPE_CHECKING:
    from actionhero_web.action_routes import routes_of as routes_of
    from actionhero_web.application import REQUEST_HANDLER as REQUEST_HANDLER
    from actionhero_web.application import build_application as build_application
    from actionhero_web.body import BodyReader as BodyReader
    from actionhero_web.cors import Cors as Cors
    from actionhero_web.error_mapping import ERROR_MAPPINGS as ERROR_MAPPINGS
    from actionhero_web.error_mapping import ErrorFormat as ErrorFormat
    from actionhero_web.error_mapping import error_document as error_document
    from actionhero_web.error_mapping import status_for as status_for
    from actionhero_web.media import MediaType as MediaType
    from actionhero_web.media import media_type_of as media_type_of
    from actionhero_web.media import parse_form as parse_form
    from actionhero_web.protocol import remote_address as remote_address
    from actionhero_web.proxy import ForwardedClient as ForwardedClient
    from actionhero_web.proxy import TrustedProxies as TrustedProxies
    from actionhero_web.request_handler import METHODS_WITHOUT_BODY as METHODS_WITHOUT_BODY
    from actionhero_web.response import STATUSES_WITHOUT_BODY as STATUSES_WITHOUT_BODY
    from actionhero_web.server_sent_events import encode_event as encode_event
    from actionhero_web.settings import WebSettings as WebSettings
    from actionhero_web.static import StaticFiles as StaticFiles
    from actionhero_web.upgrades import Upgrade as Upgrade
    from actionhero_web.upgrades import UpgradeRefused as UpgradeRefused
    from actionhero_web.upgrades import UpgradeRequest as UpgradeRequest

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".action_routes": ["routes_of"],
        ".application": ["REQUEST_HANDLER", "build_application"],
        ".body": ["BodyReader"],
        ".cors": ["Cors"],
        ".error_mapping": ["ERROR_MAPPINGS", "ErrorFormat", "error_document", "status_for"],
        ".media": ["MediaType", "media_type_of", "parse_form"],
        ".protocol": ["remote_address"],
        ".proxy": ["ForwardedClient", "TrustedProxies"],
        ".request_handler": ["METHODS_WITHOUT_BODY"],
        ".response": ["STATUSES_WITHOUT_BODY"],
        ".server_sent_events": ["encode_event"],
        ".settings": ["WebSettings"],
        ".static": ["StaticFiles"],
        ".upgrades": ["Upgrade", "UpgradeRefused", "UpgradeRequest"],
    },
    eager=["Route"],
)
