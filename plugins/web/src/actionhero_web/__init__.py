"""The HTTP server of ActionHero.

Importing `Route`, `Routes` and `Cache`, for authors of actions, imports no aiohttp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_web.application import REQUEST_HANDLER as REQUEST_HANDLER
    from actionhero_web.application import build_application as build_application
    from actionhero_web.bodies.body import BodyReader as BodyReader
    from actionhero_web.bodies.decoder import BodyDecoder as BodyDecoder
    from actionhero_web.bodies.media import MediaType as MediaType
    from actionhero_web.bodies.media import media_type_of as media_type_of
    from actionhero_web.bodies.media import parse_form as parse_form
    from actionhero_web.connections.client_resolver import ClientResolver as ClientResolver
    from actionhero_web.connections.client_resolver import remote_address as remote_address
    from actionhero_web.connections.proxy import ForwardedClient as ForwardedClient
    from actionhero_web.connections.proxy import TrustedProxies as TrustedProxies
    from actionhero_web.connections.upgrades import Upgrade as Upgrade
    from actionhero_web.connections.upgrades import UpgradeRefused as UpgradeRefused
    from actionhero_web.connections.upgrades import UpgradeRequest as UpgradeRequest
    from actionhero_web.cross_origin import CrossOriginProtection as CrossOriginProtection
    from actionhero_web.cross_origin import check_origin as check_origin
    from actionhero_web.decode import METHODS_WITHOUT_BODY as METHODS_WITHOUT_BODY
    from actionhero_web.endpoints import Endpoint as Endpoint
    from actionhero_web.endpoints import EndpointRequest as EndpointRequest
    from actionhero_web.files.static import StaticFiles as StaticFiles
    from actionhero_web.observation import WebObserver as WebObserver
    from actionhero_web.operators.access import OperatorAccess as OperatorAccess
    from actionhero_web.operators.functions import InvalidPanelFunction as InvalidPanelFunction
    from actionhero_web.operators.functions import PanelFunction as PanelFunction
    from actionhero_web.operators.page import OperatorPage as OperatorPage
    from actionhero_web.operators.sign_in_limiter import SignInLimiter as SignInLimiter
    from actionhero_web.operators.tokens import SignedTokens as SignedTokens
    from actionhero_web.responses.cache_headers import SIGNED_IN as SIGNED_IN
    from actionhero_web.responses.caching import Cache as Cache
    from actionhero_web.responses.cors import Cors as Cors
    from actionhero_web.responses.encoded_response import EncodedResponse as EncodedResponse
    from actionhero_web.responses.encoded_response import Headers as Headers
    from actionhero_web.responses.encoder import BodyEncoder as BodyEncoder
    from actionhero_web.responses.error_mapping import ERROR_MAPPINGS as ERROR_MAPPINGS
    from actionhero_web.responses.error_mapping import ErrorFormat as ErrorFormat
    from actionhero_web.responses.http_error import HttpError as HttpError
    from actionhero_web.responses.response_formats import ResponseFormat as ResponseFormat
    from actionhero_web.responses.server_sent_events import encode_event as encode_event
    from actionhero_web.routes.action_routes import routes_of as routes_of
    from actionhero_web.routes.route import STATUSES_WITHOUT_BODY as STATUSES_WITHOUT_BODY
    from actionhero_web.routes.route import Route as Route
    from actionhero_web.routes.route_group import Routes as Routes
    from actionhero_web.settings import WebSettings as WebSettings

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".application": ["REQUEST_HANDLER", "build_application"],
        ".bodies.body": ["BodyReader"],
        ".bodies.decoder": ["BodyDecoder"],
        ".bodies.media": ["MediaType", "media_type_of", "parse_form"],
        ".connections.client_resolver": ["ClientResolver", "remote_address"],
        ".connections.proxy": ["ForwardedClient", "TrustedProxies"],
        ".connections.upgrades": ["Upgrade", "UpgradeRefused", "UpgradeRequest"],
        ".cross_origin": ["CrossOriginProtection", "check_origin"],
        ".decode": ["METHODS_WITHOUT_BODY"],
        ".endpoints": ["Endpoint", "EndpointRequest"],
        ".files.static": ["StaticFiles"],
        ".operators.access": ["OperatorAccess"],
        ".operators.functions": ["InvalidPanelFunction", "PanelFunction"],
        ".operators.page": ["OperatorPage"],
        ".operators.sign_in_limiter": ["SignInLimiter"],
        ".operators.tokens": ["SignedTokens"],
        ".observation": ["WebObserver"],
        ".responses.cache_headers": ["SIGNED_IN"],
        ".responses.caching": ["Cache"],
        ".responses.cors": ["Cors"],
        ".responses.encoded_response": ["EncodedResponse", "Headers"],
        ".responses.encoder": ["BodyEncoder"],
        ".responses.error_mapping": ["ERROR_MAPPINGS", "ErrorFormat"],
        ".responses.http_error": ["HttpError"],
        ".responses.response_formats": ["ResponseFormat"],
        ".responses.server_sent_events": ["encode_event"],
        ".routes.action_routes": ["routes_of"],
        ".routes.route": ["STATUSES_WITHOUT_BODY", "Route"],
        ".routes.route_group": ["Routes"],
        ".settings": ["WebSettings"],
    },
)
