"""`SignInForms`: the forms by which users sign in, or sign up, before they answer a request."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

import aiohttp_session
from aiohttp import web

from actionhero.transport import TextPayload, new_identifier
from actionhero_oauth.consent_form import field_of
from actionhero_oauth.failures import add_error_headers, status_of
from actionhero_oauth.pages import Markup

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_oauth.authorization_server import AuthorizationServer
    from actionhero_oauth.clients import Client
    from actionhero_oauth.pages import Pages

SIGN_IN: Final = "sign_in"
SIGN_UP: Final = "sign_up"
#: The sign-in form after a sign-up that has not signed the user in.
CREATED: Final = "created"
_TITLES: Final = {SIGN_IN: "Sign in", SIGN_UP: "Sign up"}


class SignInForms:
    """Makes forms of the inputs of actions, and calls the actions.

    Args:
        app: The application.
        server: The authorization server.
        pages: The pages.
    """

    def __init__(self, app: Application, server: AuthorizationServer, pages: Pages) -> None:
        self._app = app
        self._server = server
        self._pages = pages
        settings = server.settings
        names = {SIGN_IN: settings.sign_in, SIGN_UP: settings.sign_up}
        #: The actions, by the name of their form.
        self.actions = {step: name for step, name in names.items() if name is not None}

    def page(
        self,
        form: str,
        id: str,
        client: Client,
        session_id: str,
        *,
        problem: str = "",
        status: int = 200,
    ) -> web.Response:
        """Return the page with a form.

        Args:
            form: `sign_in`, `sign_up` or `created`; any other one is `sign_in`.
            id: The identifier of the request for authorization.
            client: Its client.
            session_id: The session of the user.
            problem: The error of the form that the user has sent.
            status: The HTTP status.
        """
        step = form if form in self.actions else SIGN_IN
        action = self._app.actions.find(self.actions[step])
        items = [item for item in action.inputs.fields if item.source is None]
        path = f"{self._server.base_path}/consent/{id}"
        notice = f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else ""
        if form == CREATED:
            notice = '<p role="status">Your account was created. Sign in with it.</p>'
        other = ""
        if step == SIGN_IN and SIGN_UP in self.actions:
            link = f"{html.escape(path)}?form={SIGN_UP}"
            other = f'<p>No account yet? <a href="{link}">Sign up</a></p>'
        values = {
            "client": client.name,
            "path": path,
            "form_token": self._server.tokens.form_token(id, session_id),
            "fields": Markup("".join(field_of(item, is_new=step == SIGN_UP) for item in items)),
            "problem": Markup(notice),
            "sign_up": Markup(other),
        }
        return self._pages.render(step, _TITLES[step], values, status=status)

    async def submit(
        self,
        step: str,
        request: web.Request,
        id: str,
        client: Client,
        fields: dict[str, list[str]],
    ) -> web.StreamResponse:
        """Call the action of a form, as a request over HTTP does."""
        name = self.actions[step]
        names = self._app.actions.find(name).inputs.names
        inputs = {key: values for key, values in fields.items() if key in names}
        connection = self._server.connection(request)
        outcome = await self._app.pipeline.execute(
            connection, name, TextPayload(inputs), request_id=new_identifier()
        )
        response: web.StreamResponse
        if outcome.error is not None:
            session = await aiohttp_session.get_session(request)
            response = self.page(
                step,
                id,
                client,
                session_id_of(session),
                problem=outcome.error.message,
                status=status_of(outcome.error),
            )
            add_error_headers(response, outcome.error)
        else:
            path = f"{self._server.base_path}/consent/{id}"
            if step == SIGN_UP:
                # Without effect if the action has signed the user in.
                path += f"?form={CREATED}"
            response = web.Response(status=303, headers={"Location": path})
        for header, value in connection.response_headers or ():
            response.headers.add(header, value)
        return response


def session_id_of(session: aiohttp_session.Session) -> str:
    """Return the identifier of a session; empty for a new one."""
    return str(session.identity or "")
