"""The routes of the page, and its handler `JobPage`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero import AuditLog, Connection, NotFound, TypedError
from actionhero.settings import AppSettings
from actionhero_tasks.operations.functions import NAME, PANEL_ASSETS, TITLE, JobFunctions
from actionhero_tasks.page.access import Access
from actionhero_tasks.settings import TasksSettings
from actionhero_web import OperatorPage, PanelFunction, SignInLimiter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application

logger = logging.getLogger("actionhero.tasks")

ASSETS: Final = Path(__file__).parent / "assets"
#: The name of the operator.
_OPERATOR: Final = "operator"


def routes_for(app: Application) -> list[web.AbstractRouteDef]:
    """Return the routes of the page; none if no client could have access."""
    settings = app.get(TasksSettings)
    has_access = settings.operator_password is not None or app.environment == "development"
    if not settings.page or not has_access:
        return []
    page = JobPage(app)
    app.provide(JobPage, page)
    # All methods and all paths, so that clients without access cannot discover the page.
    return [web.route("*", settings.page, page.handle),
            web.route("*", settings.page + "/{path:.*}", page.handle)]  # fmt: skip


class JobPage(OperatorPage[str]):
    """The page of jobs, with one panel, whose operator has no name.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._access = Access(app)
        super().__init__(
            app,
            self._access.requests,
            path=app.get(TasksSettings).page,
            title="Tasks",
            assets=ASSETS,
            panels={NAME: PANEL_ASSETS},
            operator=_OPERATOR,
        )
        self._limiter = SignInLimiter()
        self._audit = app.get(AuditLog)
        functions = JobFunctions(app)
        self._reads = {f"{NAME}.{name}": PanelFunction(f) for name, f in functions.reads.items()}
        self._changes = {
            f"{NAME}/{name}": (PanelFunction(change.run), change)
            for name, change in functions.changes.items()
        }
        self.can_sign_in = self._access.has_password

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Return the response to a request; a refusal is recorded in the audit log."""
        try:
            return await super().respond(request)
        except TypedError as error:
            details = {"path": request.path}
            self._audit.refused(error, self._connection(request), details=details)
            raise

    async def operator_of(self, request: web.Request) -> str | None:
        """Return the operator of a request."""
        if self._access.is_hidden(request):
            raise web.HTTPNotFound
        return _OPERATOR if self._access.is_signed_in(request) else None

    def can_sign_out(self, operator: str) -> bool:
        """Whether there is a password."""
        return self.can_sign_in

    def describe(self, request: web.Request, operator: str) -> dict[str, Any]:
        """Return the operator, who may make all changes, and the panel."""
        changes = {
            name.partition("/")[2]: {"confirm": change.confirm}
            for name, (_, change) in self._changes.items()
        }
        return {
            "application": self._app.get(AppSettings).name,
            "environment": self._app.environment,
            "read_only": False,
            "operator": {"name": operator, "role": "admin"},
            "panels": [{"name": NAME, "title": TITLE, "has_script": True, "changes": changes}],
        }

    async def read(
        self, request: web.Request, operator: str, name: str, inputs: Mapping[str, Any]
    ) -> Any:
        """Return the result of a query."""
        function = self._reads.get(name)
        if function is None:
            raise NotFound("There is no such query")
        return await function(function.schema.from_parsed(inputs), None)

    async def change(
        self, request: web.Request, operator: str, name: str, inputs: Mapping[str, Any]
    ) -> Any:
        """Make a change, and record it in the audit log."""
        if name not in self._changes:
            raise NotFound("There is no such change")
        function, change = self._changes[name]
        valid = function.schema.from_parsed(inputs)
        result = await function(valid, None)
        facts = function.schema.redact(valid)
        if change.facts is not None:
            facts |= change.facts(valid)
        event, details = _event_of(name.partition("/")[2], facts, result)
        logger.info("operator: %s %r", event, details)
        self._record(request, event, **details)
        return result

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Sign in the operator with the password in the form."""
        password = (await self.form.fields(request)).get("password", "")
        address = self._connection(request).remote
        # No `await` between the check and the count: concurrent attempts are all counted.
        if seconds := self._limiter.retry_after_seconds(address):
            if self._limiter.mark_refused(address):
                self._record(request, "sign_in", "failure", reason="too many failures")
            return self.form.too_many_attempts(request, seconds)
        if not self._access.verify_password(password):
            self._limiter.record_failure(address)
            logger.warning("operator sign-in failed from %s", address)
            self._record(request, "sign_in", "failure")
            return self.form.error("Wrong password.", 401)
        self._limiter.reset(address)
        logger.info("operator signed in from %s", address)
        self._record(request, "sign_in")
        return self._redirect(self._access.sign_in_cookie(request))

    async def sign_out(self, request: web.Request, operator: str | None) -> web.StreamResponse:
        """Delete the token of the operator."""
        if operator is not None:
            self._record(request, "sign_out")
        return self._redirect(self._access.sign_out_cookie(request))

    def _redirect(self, cookie: str) -> web.StreamResponse:
        response = self.form.redirect()
        response.headers["Set-Cookie"] = cookie
        return response

    def _record(
        self, request: web.Request, event: str, outcome: str = "success", **details: Any
    ) -> None:
        """Record an event of the page in the audit log."""
        self._audit.record(
            event,
            outcome,
            source=self._connection(request),
            method="operator_password" if self.can_sign_in else "operator",
            details={"page": self.folder, **details},
        )

    def _connection(self, request: web.Request) -> Connection:
        return Connection("web", self._access.requests.client(request).address, raw=request)


def _event_of(
    change: str, facts: Mapping[str, Any], result: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return the audit event of a change, as a command records it, and its details."""
    operation, _, scope = change.partition("_")
    if scope == "dead":
        queue, count = facts["queue"], result["count"]
        return f"tasks.{operation}", {"jobs": "all", "queue": queue, "count": count}
    details = dict(facts)
    if "id" in details:
        details["jobs"] = [details.pop("id")]
    return f"tasks.{change}", details
