"""What the tests of the page share: an application whose servers are open, and its store."""

from __future__ import annotations

import contextlib
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
SECRET = "tell-nobody-of-this"


class MailInputs(Inputs):
    to: str
    token: Secret[str] = SECRET


class Mail(Action):
    """Fail, until somebody has mended what is wrong."""

    name = "mail"
    task = Task(queue="mail", retries=0)
    is_mended = False

    async def run(self, inputs: MailInputs, call: Call) -> dict[str, str]:
        call.progress(1, 2)
        if not Mail.is_mended:
            raise Conflict(f"no mailbox for {inputs.to}")
        return {"sent": inputs.to}


class Report(Action):
    """Run every night."""

    name = "report"
    task = Task(cron="0 3 * * *", timezone="Europe/Berlin")

    async def run(self) -> None:
        """Do nothing."""


@dataclass
class Served:
    """An application whose page is served."""

    app: RunningApp
    origin: str
    client: httpx.AsyncClient = field(repr=False)

    #: An input of every mail, which is secret.
    secret = SECRET

    def mend(self, *, is_mended: bool = True) -> None:
        """Let mails from now on fail no more; or do so again."""
        Mail.is_mended = is_mended

    @property
    def tasks(self) -> Tasks:
        """What jobs are enqueued with."""
        return self.app.app.get(Tasks)

    async def mail(self, *names: str, **options: Any) -> list[str]:
        """Enqueue a mail to each of `names`."""
        given = [{"to": name, "token": SECRET} for name in names]
        return [await self.tasks.enqueue(Mail, inputs, **options) for inputs in given]

    async def ended(self, *ids: str) -> list[Job]:
        """Return jobs once they have ended."""
        return [await self.tasks.wait(id) for id in ids]

    async def read(self, path: str, **query: Any) -> Any:
        """Return what the page is told."""
        answer = await self.client.get(f"/tasks/api/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def change(self, path: str, **asked: Any) -> httpx.Response:
        """Ask for a change, as the page does."""
        return await self.client.post(f"/tasks/api/{path}", json=asked)

    async def sign_in(self, password: str = PASSWORD, **headers: str) -> httpx.Response:
        """Sign in, as the form does."""
        return await self.client.post(
            "/tasks/sign-in", data={"password": password}, headers=headers
        )


@pytest.fixture
def served(
    tasks_app: Callable[..., Any],
) -> Callable[..., contextlib.AbstractAsyncContextManager[Served]]:
    """Give a function that serves an application, with the page; in development where left out."""

    @contextlib.asynccontextmanager
    async def serve(
        environ: dict[str, str] | None = None, plugins: tuple[Any, ...] = (), **settings: Any
    ) -> AsyncIterator[Served]:
        Mail.is_mended = False
        variables = {"PORT": "0", "ACTIONHERO_ENV": "development", **(environ or {})}
        async with tasks_app(
            Mail, Report, plugins=(web_plugin, *plugins), environ=variables, **settings
        ) as app:
            server = next(item for item in app.app.servers if isinstance(item, WebServer))
            port = server.sockets[0].getsockname()[1]
            origin = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=origin, trust_env=False) as client:
                yield Served(app, origin, client)

    return serve
