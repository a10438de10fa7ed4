"""Fixtures of the page tests: an application with the page, and its store."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from actionhero import Action, Call, Conflict, Inputs, Secret
from actionhero_tasks import Task, Tasks
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from actionhero.testing import RunningApp
    from actionhero_tasks import Job

PASSWORD = "correct horse battery staple"
SECRET = "a-very-secret-token"


class MailInputs(Inputs):
    to: str
    token: Secret[str] = SECRET


class Mail(Action):
    """Send a mail; fail while the mailbox is unavailable."""

    name = "mail"
    task = Task(queue="mail", retries=0)
    is_available = False

    async def run(self, inputs: MailInputs, call: Call) -> dict[str, str]:
        call.progress(1, 2)
        if not Mail.is_available:
            raise Conflict(f"no mailbox for {inputs.to}")
        return {"sent": inputs.to}


class Report(Action):
    """Run every night."""

    name = "report"
    task = Task(cron="0 3 * * *", timezone="Europe/Berlin")

    async def run(self) -> None:
        """Do nothing."""


@dataclass
class PageSite:
    """A running application with the page, and an HTTP client of it."""

    app: RunningApp
    origin: str
    client: httpx.AsyncClient = field(repr=False)

    #: The secret input of every mail.
    secret = SECRET

    def set_mailbox(self, *, is_available: bool) -> None:
        """Make further mails succeed or fail."""
        Mail.is_available = is_available

    @property
    def tasks(self) -> Tasks:
        """The interface to enqueue jobs."""
        return self.app.app.get(Tasks)

    async def mail(self, *names: str, **options: Any) -> list[str]:
        """Enqueue a mail to each of `names`, and return the job ids."""
        mails = [{"to": name, "token": SECRET} for name in names]
        return [await self.tasks.enqueue(Mail, inputs, **options) for inputs in mails]

    async def wait(self, *ids: str) -> list[Job]:
        """Wait for jobs to finish, and return them."""
        return [await self.tasks.wait(id) for id in ids]

    async def read(self, name: str, **inputs: Any) -> Any:
        """Send a query of the page, and return its value, or its error."""
        query = {f"jobs.{name}": json.dumps(inputs)}
        response = await self.client.get("/tasks/api/read", params=query)
        assert response.status_code == 200, response.text
        result = response.json()["results"][f"jobs.{name}"]
        return result["value"] if "value" in result else result["error"]

    async def change(self, name: str, **inputs: Any) -> httpx.Response:
        """Send a change of the page."""
        return await self.client.post(f"/tasks/api/change/jobs/{name}", json=inputs)

    async def sign_in(self, password: str = PASSWORD, **headers: str) -> httpx.Response:
        """Submit the sign-in form."""
        return await self.client.post(
            "/tasks/sign-in", data={"password": password}, headers=headers
        )


@pytest.fixture
def serve(
    tasks_app: Callable[..., Any],
) -> Callable[..., contextlib.AbstractAsyncContextManager[PageSite]]:
    """A function that runs an application with the page, by default in development."""

    @contextlib.asynccontextmanager
    async def run(
        environ: dict[str, str] | None = None, plugins: tuple[Any, ...] = (), **settings: Any
    ) -> AsyncIterator[PageSite]:
        Mail.is_available = False
        variables = {"PORT": "0", "ACTIONHERO_ENV": "development", **(environ or {})}
        async with tasks_app(
            Mail, Report, plugins=(web_plugin, *plugins), environ=variables, **settings
        ) as app:
            server = next(item for item in app.app.servers if isinstance(item, WebServer))
            port = server.sockets[0].getsockname()[1]
            origin = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=origin, trust_env=False, timeout=60) as client:
                yield PageSite(app, origin, client)

    return run
