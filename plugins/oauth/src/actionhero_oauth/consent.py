"""`Consent`: the pages on which a user signs in, and allows or denies a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp_session
from aiohttp import web

from actionhero import Forbidden
from actionhero.transport import is_no_user
from actionhero_oauth.consent_form import scope_boxes, warning_of
from actionhero_oauth.errors import OAuthError
from actionhero_oauth.pages import Markup
from actionhero_oauth.redirects import redirect_origin
from actionhero_oauth.sign_in_forms import SignInForms, session_id_of
from actionhero_web import check_origin, parse_form

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_oauth.authorization_requests import AuthorizationRequest
    from actionhero_oauth.authorization_server import AuthorizationServer
    from actionhero_oauth.authorize import Authorize
    from actionhero_oauth.clients import Client
    from actionhero_oauth.pages import Pages


class Consent:
    """Shows a request to the user, and answers it.

    Args:
        app: The application.
        server: The authorization server.
        pages: The pages.
        authorize: The endpoint that redirects to clients.
        user_key: The session key of the user.
    """

    def __init__(
        self,
        app: Application,
        server: AuthorizationServer,
        pages: Pages,
        authorize: Authorize,
        user_key: str,
    ) -> None:
        self._server = server
        self._pages = pages
        self._authorize = authorize
        self._user_key = user_key
        self._forms = SignInForms(app, server, pages)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the page of a request, or the response to one of its forms."""
        id = request.match_info["id"]
        found = await self._server.requests.find(id)
        if found is None:
            return self._pages.error(
                "This request was answered, or has expired after ten minutes.", 410
            )
        try:
            client = await self._server.clients.find(found.client_id)
        except OAuthError as error:
            return self._pages.error(f"The application is not known any more: {error.description}")
        session = await aiohttp_session.get_session(request)
        user = session.get(self._user_key)
        if request.method != "POST":
            form = request.query.get("form", "")
            return await self._show(id, found, client, session, user, form)
        try:
            check_origin(request, own_only=True)
        except Forbidden as error:
            return self._pages.error(error.message, 403)
        fields = parse_form(await request.read()) if _is_form(request) else {}
        token = fields.get("form_token", [""])[-1]
        if not self._server.tokens.is_form_token(token, id, session_id_of(session)):
            return self._pages.error("The form has expired. Go back, and reload the page.", 403)
        step = fields.get("step", [""])[-1]
        if step in self._forms.actions:
            return await self._forms.submit(step, request, id, client, fields)
        if is_no_user(user):
            return await self._show(id, found, client, session, user)
        return await self._answer(id, found, client, user, fields)

    # -- the pages -----------------------------------------------------------------------------

    async def _show(
        self,
        id: str,
        found: AuthorizationRequest,
        client: Client,
        session: aiohttp_session.Session,
        user: Any,
        form: str = "",
    ) -> web.StreamResponse:
        if is_no_user(user):
            if self._server.settings.sign_in_url is not None:
                path = f"{self._server.base_path}/consent/{id}"
                own = self._server.settings.sign_in_url
                separator = "&" if "?" in own else "?"
                target = f"{own}{separator}next={quote(path, safe='/')}"
                return web.Response(status=303, headers={"Location": target})
            return self._forms.page(form, id, client, session_id_of(session))
        try:
            scopes = await self._server.grantable(user, client, frozenset(found.scopes))
        except Forbidden as error:
            await self._server.requests.take(id)
            return self._denied(found, error.message)
        if await self._is_remembered(found, client, user, scopes):
            return await self._allow(id, found, client, user, scopes)
        texts = self._server.settings.scopes
        names = [scope for scope in found.scopes if scope in scopes]
        boxes = scope_boxes({name: texts.get(name, name) for name in names})
        vouched = f" {client.host} vouches for it." if client.host else ""
        values = {
            "client": client.name,
            "path": f"{self._server.base_path}/consent/{id}",
            "form_token": self._server.tokens.form_token(id, session_id_of(session)),
            "user": user,
            "scopes": Markup(boxes),
            "redirect_host": found.redirect_host,
            "vouched": vouched,
            "warning": Markup(warning_of(found, client)),
        }
        return self._pages.render(
            "consent",
            f"Allow {client.name}",
            values,
            form_targets=redirect_origin(found.redirect_uri),
        )

    # -- the forms -----------------------------------------------------------------------------

    async def _answer(
        self,
        id: str,
        found: AuthorizationRequest,
        client: Client,
        user: Any,
        fields: dict[str, list[str]],
    ) -> web.StreamResponse:
        if fields.get("answer") != ["allow"]:
            await self._server.requests.take(id)
            return self._denied(found, "the user has denied the request")
        chosen = frozenset(fields.get("scope", ())) & frozenset(found.scopes)
        try:
            chosen = await self._server.grantable(user, client, chosen)
        except Forbidden as error:
            await self._server.requests.take(id)
            return self._denied(found, error.message)
        if not chosen:
            await self._server.requests.take(id)
            return self._denied(found, "the user has allowed nothing")
        return await self._allow(id, found, client, user, chosen)

    async def _allow(
        self,
        id: str,
        found: AuthorizationRequest,
        client: Client,
        user: Any,
        scopes: frozenset[str],
    ) -> web.StreamResponse:
        if not await self._server.requests.take(id):
            return self._pages.error("This request was answered already.", 410)
        code = await self._server.issue_code(found, user, client, scopes)
        self._server.audit(
            "oauth.consent", user=user, client=found.client_id, scopes=sorted(scopes)
        )
        return self._authorize.redirect(found.redirect_uri, found.state, {"code": code})

    def _denied(self, found: AuthorizationRequest, reason: str) -> web.StreamResponse:
        self._server.audit("oauth.consent", "failure", client=found.client_id, reason=reason)
        document = OAuthError("access_denied", reason).document
        return self._authorize.redirect(found.redirect_uri, found.state, document)

    async def _is_remembered(
        self, found: AuthorizationRequest, client: Client, user: Any, scopes: frozenset[str]
    ) -> bool:
        """Return whether the user has granted the same to this client, and it still holds."""
        if not client.is_trustworthy(found.redirect_uri):
            return False
        return any(
            grant.client_id == client.id
            and grant.redirect_host == found.redirect_host
            and grant.resource == found.resource
            and scopes <= grant.scopes
            for grant in await self._server.grants.of_user(user)
        )


def _is_form(request: web.Request) -> bool:
    return request.content_type == "application/x-www-form-urlencoded"
