"""`Consent`: the pages on which a user signs in, and allows or denies a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
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
        authorization = await self._server.requests.find(id)
        if authorization is None:
            return self._pages.error(
                "This request was answered, or has expired after ten minutes.", 410
            )
        try:
            client = await self._server.clients.find(authorization.client_id)
        except OAuthError as error:
            return self._pages.error(f"The application is not known any more: {error.description}")
        session = await aiohttp_session.get_session(request)
        user = session.get(self._user_key)
        pending = _PendingConsent(request, id, authorization, client, session_id_of(session), user)
        if request.method != "POST":
            return await self._show(pending, request.query.get("form", ""))
        try:
            check_origin(request, own_only=True)
        except Forbidden as error:
            return self._pages.error(error.message, 403)
        fields = parse_form(await request.read()) if _is_form(request) else {}
        token = fields.get("form_token", [""])[-1]
        if not self._server.tokens.is_form_token(token, id, pending.session_id):
            return self._pages.error("The form has expired. Go back, and reload the page.", 403)
        step = fields.get("step", [""])[-1]
        if step in self._forms.actions:
            return await self._forms.submit(step, request, id, client, fields)
        if is_no_user(user):
            return await self._show(pending)
        return await self._answer(pending, fields)

    # -- the pages -----------------------------------------------------------------------------

    async def _show(self, pending: _PendingConsent, form: str = "") -> web.StreamResponse:
        id, client, authorization = pending.id, pending.client, pending.authorization
        if is_no_user(pending.user):
            if self._server.settings.sign_in_url is not None:
                path = f"{self._server.base_path}/consent/{id}"
                own = self._server.settings.sign_in_url
                separator = "&" if "?" in own else "?"
                target = f"{own}{separator}next={quote(path, safe='/')}"
                return web.Response(status=303, headers={"Location": target})
            return self._forms.page(form, id, client, pending.session_id)
        try:
            scopes = await self._server.grantable(
                pending.user, client, frozenset(authorization.scopes)
            )
        except Forbidden as error:
            denial = await self._deny(pending, error.message)
            # The user has not clicked anything yet.
            return self._authorize.respond_error(
                client, authorization.redirect_uri, authorization.state, denial, status=403
            )
        if await self._is_remembered(pending, scopes):
            return await self._allow(pending, scopes)
        texts = self._server.settings.scopes
        names = [scope for scope in authorization.scopes if scope in scopes]
        boxes = scope_boxes({name: texts.get(name, name) for name in names})
        vouched = f" {client.host} vouches for it." if client.host else ""
        values = {
            "client": client.name,
            "path": f"{self._server.base_path}/consent/{id}",
            "form_token": self._server.tokens.form_token(id, pending.session_id),
            "user": pending.user,
            "scopes": Markup(boxes),
            "redirect_host": authorization.redirect_host,
            "vouched": vouched,
            "warning": Markup(warning_of(authorization, client)),
        }
        return self._pages.render(
            "consent",
            f"Allow {client.name}",
            values,
            form_targets=redirect_origin(authorization.redirect_uri),
        )

    # -- the forms -----------------------------------------------------------------------------

    async def _answer(
        self, pending: _PendingConsent, fields: dict[str, list[str]]
    ) -> web.StreamResponse:
        if fields.get("answer") != ["allow"]:
            return await self._redirect_denied(pending, "the user has denied the request")
        selection = frozenset(fields.get("scope", ())) & frozenset(pending.authorization.scopes)
        try:
            scopes = await self._server.grantable(pending.user, pending.client, selection)
        except Forbidden as error:
            return await self._redirect_denied(pending, error.message)
        if not scopes:
            return await self._redirect_denied(pending, "the user has allowed nothing")
        return await self._allow(pending, scopes)

    async def _allow(self, pending: _PendingConsent, scopes: frozenset[str]) -> web.StreamResponse:
        if not await self._server.requests.take(pending.id):
            return self._pages.error("This request was answered already.", 410)
        authorization, user = pending.authorization, pending.user
        code = await self._server.issue_code(authorization, user, pending.client, scopes)
        self._server.audit(
            "oauth.consent", source=self._server.connection(pending.request), user=user,
            client=authorization.client_id, scopes=sorted(scopes),
        )  # fmt: skip
        return self._authorize.redirect(
            authorization.redirect_uri, authorization.state, {"code": code}
        )

    async def _redirect_denied(self, pending: _PendingConsent, reason: str) -> web.StreamResponse:
        """Return the redirect after the user has sent the form."""
        denial = await self._deny(pending, reason)
        authorization = pending.authorization
        return self._authorize.redirect(
            authorization.redirect_uri, authorization.state, denial.document
        )

    async def _deny(self, pending: _PendingConsent, reason: str) -> OAuthError:
        """End and record a request that is denied, and return the error for the client."""
        await self._server.requests.take(pending.id)
        self._server.audit(
            "oauth.consent", "failure", source=self._server.connection(pending.request),
            user=pending.user, client=pending.client.id, reason=reason,
        )  # fmt: skip
        return OAuthError("access_denied", reason)

    async def _is_remembered(self, pending: _PendingConsent, scopes: frozenset[str]) -> bool:
        """Return whether the user has granted the same to this client, and it still holds."""
        authorization, client = pending.authorization, pending.client
        if not client.is_trustworthy(authorization.redirect_uri):
            return False
        return any(
            grant.client_id == client.id
            and grant.redirect_host == authorization.redirect_host
            and grant.resource == authorization.resource
            and scopes <= grant.scopes
            for grant in await self._server.grants.of_user(pending.user)
        )


class _PendingConsent(NamedTuple):
    """A request for authorization that waits for its user, and the HTTP request about it."""

    request: web.Request
    id: str
    authorization: AuthorizationRequest
    client: Client
    session_id: str
    #: No user: they have to sign in first.
    user: Any


def _is_form(request: web.Request) -> bool:
    return request.content_type == "application/x-www-form-urlencoded"
