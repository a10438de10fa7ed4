"""`ConnectionsPage`: the page on which users see and end their grants."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import aiohttp_session
from aiohttp import web

from actionhero import Forbidden
from actionhero.transport import is_no_user
from actionhero_oauth.pages import Markup
from actionhero_web import check_origin, parse_form

if TYPE_CHECKING:
    from actionhero_oauth.authorization_server import AuthorizationServer
    from actionhero_oauth.grant import Grant
    from actionhero_oauth.pages import Pages


class ConnectionsPage:
    """Lists the grants of the signed-in user.

    Args:
        server: The authorization server.
        pages: The pages.
        user_key: The session key of the user.
    """

    def __init__(self, server: AuthorizationServer, pages: Pages, user_key: str) -> None:
        self._server = server
        self._pages = pages
        self._user_key = user_key

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the page, or the response to its forms."""
        session = await aiohttp_session.get_session(request)
        user = session.get(self._user_key)
        if is_no_user(user):
            return self._pages.error("Sign in to this application first.", 401)
        session_id = str(session.identity or "")
        if request.method != "POST":
            return self._page(await self._server.grants.of_user(user), session_id)
        try:
            check_origin(request, own_only=True)
        except Forbidden as error:
            return self._pages.error(error.message, 403)
        fields = parse_form(await request.read())
        token = fields.get("form_token", [""])[-1]
        if not self._server.tokens.is_form_token(token, "connections", session_id):
            return self._pages.error("The form has expired. Go back, and reload the page.", 403)
        id = fields.get("grant", [""])[-1]
        for grant in await self._server.grants.of_user(user):
            # Only those of this user: an identifier is not secret.
            if grant.id == id:
                await self._server.end(grant.id, source=self._server.connection(request))
        headers = {"Location": f"{self._server.base_path}/connections"}
        return web.Response(status=303, headers=headers)

    def _page(self, grants: list[Grant], session_id: str) -> web.Response:
        token = self._server.tokens.form_token("connections", session_id)
        rows = "".join(self._row(grant, token) for grant in grants)
        empty = '<p class="muted">There are none.</p>'
        values = {"grants": Markup(rows or empty), "notice": ""}
        return self._pages.render("connections", "Connections", values)

    def _row(self, grant: Grant, token: str) -> str:
        texts = self._server.settings.scopes
        scopes = ", ".join(texts.get(scope, scope) for scope in sorted(grant.scopes))
        return (
            f'<form class="grant" method="post" action="{self._server.base_path}/connections">'
            f"<b>{html.escape(grant.client_name)}</b>"
            f'<p class="muted">{html.escape(scopes)}. Since {grant.created:%Y-%m-%d}, for '
            f"{html.escape(grant.redirect_host)}.</p>"
            f'<input type="hidden" name="form_token" value="{token}">'
            f'<input type="hidden" name="grant" value="{html.escape(grant.id)}">'
            f'<button type="submit">End access of {html.escape(grant.client_name)}</button>'
            "</form>\n"
        )
