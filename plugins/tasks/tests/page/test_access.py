"""Access to the page: authentication, hiding, and the origin of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from aiohttp import HttpVersion10, HttpVersion11
from aiohttp.test_utils import make_mocked_request

from actionhero import App, RunMode
from actionhero.settings.sources import read_sources
from actionhero_tasks import plugin as tasks_plugin
from actionhero_tasks.page.access import Access
from actionhero_web import plugin as web_plugin
from actionhero_web.operators.sign_in_limiter import MAX_FREE_FAILURES

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable
    from pathlib import Path

    from plugins.tasks.tests.page.conftest import PageSite

    Serve = Callable[..., contextlib.AbstractAsyncContextManager[PageSite]]

PASSWORD = "correct horse battery staple"
PRODUCTION = {"ACTIONHERO_ENV": "production", "ACTIONHERO_APP__SECRET_KEY": "k" * 32}
#: Paths of the page.
PATHS = ("/tasks", "/tasks/", "/tasks/kit/page.js", "/tasks/api/console", "/tasks/icon.svg")


async def is_hidden(page: PageSite, **headers: str) -> bool:
    """Return whether every path of the page has the response of an unknown path."""
    unknown = await page.client.get("/nowhere", headers=headers)
    for method, path in [
        *(("GET", path) for path in PATHS),
        ("POST", "/tasks"),
        ("POST", "/tasks/sign-in"),
        ("POST", "/tasks/api/change/jobs/retry"),
    ]:
        response = await page.client.request(method, path, headers=headers)
        first, second = (
            # The rest of the message is the path, and a suggestion of a similar one.
            (
                r.status_code,
                r.json()["error"]["message"].partition(":")[0],
                r.json()["error"]["type"],
                set(r.headers),
            )
            for r in (response, unknown)
        )
        if first != second:
            return False
    return True


# -- without a password --------------------------------------------------------------------------


async def test_without_a_password_the_page_is_local_in_development(serve: Serve) -> None:
    """By any name of this machine."""
    async with serve() as page:
        responses = [await page.client.get(path) for path in PATHS]
        named = await page.client.get("/tasks", headers={"Host": "guestbook.localhost:8080"})

    assert [response.status_code for response in responses] == [200, 308, 200, 200, 200]
    assert named.status_code == 200
    assert responses[0].headers["Cache-Control"] == "no-store"
    assert "Sign out" not in responses[0].text


@pytest.mark.parametrize("environment", ["production", "test"])
async def test_without_a_password_the_page_is_hidden_in_other_environments(
    serve: Serve, environment: str
) -> None:
    """Also from this machine."""
    environ = {**PRODUCTION, "ACTIONHERO_ENV": environment}
    async with serve(environ, store="embedded") as page:
        assert await is_hidden(page)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Proto": "https"},
        {"X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Host": "evil.example"},
        {"Host": "203.0.113.9:8080"},
    ],
    ids=str,
)
async def test_without_a_password_the_page_is_hidden_behind_a_proxy(
    serve: Serve, headers: dict[str, str]
) -> None:
    """Also if another name resolves to this machine."""
    async with serve({"ACTIONHERO_WEB__ALLOWED_HOSTS": '["*"]'}) as page:
        assert await is_hidden(page, **headers)


async def test_without_a_password_a_trusted_proxy_forwards_the_client(serve: Serve) -> None:
    """Without the address of the client, the page is hidden."""
    trusted = {"ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1"}
    async with serve(trusted) as page:
        assert await is_hidden(page, **{"X-Forwarded-For": "203.0.113.9"})
        assert await is_hidden(page)
        local = await page.client.get("/tasks", headers={"X-Forwarded-For": "::1"})

    assert local.status_code == 200


@pytest.mark.parametrize(
    ("address", "version", "is_hidden"),
    [
        ("127.0.0.1", HttpVersion11, False),
        ("::1", HttpVersion11, False),
        ("::ffff:127.0.0.1", HttpVersion11, False),
        ("192.168.1.7", HttpVersion11, True),
        ("2001:db8::1", HttpVersion11, True),
        (None, HttpVersion11, True),
        # The default of many proxies.
        ("127.0.0.1", HttpVersion10, True),
    ],
)
def test_without_a_password_the_page_is_hidden_from_other_machines(
    tmp_path: Path, address: str | None, version: Any, is_hidden: bool
) -> None:
    """And over a Unix socket, whose client is unknown."""
    sources = read_sources(tmp_path, environ={"ACTIONHERO_ENV": "development"})
    app = App.from_plugins([web_plugin, tasks_plugin], sources, RunMode.CLI)
    app.raise_for_problems()
    request = make_mocked_request("GET", "/tasks", {"Host": "localhost"}, version=version)
    # The type hint of aiohttp requires an address.
    request = request.clone(remote=cast("str", address))

    assert Access(app).is_hidden(request) is is_hidden


async def test_the_setting_moves_or_disables_the_page(serve: Serve) -> None:
    """An empty path disables it."""
    async with serve(page="") as page:
        assert (await page.client.get("/tasks")).status_code == 404
    async with serve(page="/ops/jobs") as page:
        assert (await page.client.get("/ops/jobs")).status_code == 200
        assert (await page.client.get("/ops/jobs/kit/page.css")).status_code == 200
        assert (await page.client.get("/tasks")).status_code == 404


# -- with a password -----------------------------------------------------------------------------


@pytest.mark.parametrize("environ", [{}, PRODUCTION], ids=["development", "production"])
async def test_with_a_password_every_client_must_sign_in(
    serve: Serve, environ: dict[str, str]
) -> None:
    """Also on this machine."""
    async with serve(environ, store="embedded", operator_password=PASSWORD) as page:
        form = await page.client.get("/tasks")
        before = await page.client.get("/tasks/api/console")
        change = await page.change("retry", id="x")
        sign_in = await page.sign_in()
        document = await page.client.get("/tasks")
        overview = await page.client.get("/tasks/api/console")
        sign_out = await page.client.post("/tasks/sign-out")
        after = await page.client.get("/tasks/api/console")

    assert 'type="password"' in form.text
    assert before.status_code == 401
    assert before.json()["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"
    assert change.status_code == 401
    assert (sign_in.status_code, sign_in.headers["Location"]) == (303, "../tasks")
    assert "Sign out" in document.text
    assert overview.status_code == 200
    assert (sign_out.status_code, after.status_code) == (303, 401)


async def test_the_cookie_is_inaccessible_to_scripts_and_other_sites(serve: Serve) -> None:
    """It has no `Path`, and is secure over TLS."""
    trusted = {"ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1"}
    async with serve(trusted, operator_password=PASSWORD) as page:
        plain = (await page.sign_in()).headers["Set-Cookie"]
        secure = (await page.sign_in(**{"X-Forwarded-Proto": "https"})).headers["Set-Cookie"]

    assert plain.startswith("actionhero_tasks=")
    assert plain.endswith("; Max-Age=43200; HttpOnly; SameSite=Strict")
    assert secure.startswith("__Secure-actionhero_tasks=")
    assert secure.endswith("; HttpOnly; SameSite=Strict; Secure")
    assert PASSWORD not in plain + secure


async def test_a_wrong_password_is_rejected_and_not_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """A password in a URL or in JSON is ignored."""
    async with serve(operator_password=PASSWORD) as page:
        wrong = await page.sign_in("sesame, open")
        in_url = await page.client.get(f"/tasks/api/console?password={PASSWORD}")
        as_json = await page.client.post("/tasks/sign-in", json={"password": PASSWORD})
        await page.sign_in()

    assert wrong.status_code == 401
    assert "Wrong password." in wrong.text
    assert "Set-Cookie" not in wrong.headers
    assert (in_url.status_code, as_json.status_code) == (401, 401)
    assert "sesame" not in wrong.text + caplog.text
    assert PASSWORD not in caplog.text


async def test_failed_sign_ins_are_limited_by_address(serve: Serve) -> None:
    """During the delay the right password is rejected too."""
    trusted = {"ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1"}
    async with serve(trusted, operator_password=PASSWORD) as page:
        attacker, other = ({"X-Forwarded-For": f"203.0.113.{number}"} for number in (6, 7))
        wrong = [await page.sign_in("guess", **attacker) for _ in range(MAX_FREE_FAILURES)]
        html = await page.sign_in(PASSWORD, Accept="text/html", **attacker)
        json = await page.sign_in(PASSWORD, **attacker)
        allowed = await page.sign_in(PASSWORD, **other)

    assert [response.status_code for response in wrong] == [401] * MAX_FREE_FAILURES
    assert (html.status_code, html.headers["Retry-After"]) == (429, "1")
    assert "Too many attempts." in html.text
    assert (json.status_code, json.json()["error"]["type"]) == (429, "CONNECTION_RATE_LIMITED")
    assert allowed.status_code == 303


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAA", "ü", "a b;c"])
async def test_forged_and_modified_tokens_are_invalid(serve: Serve, cookie: str) -> None:
    """Only an unmodified token is accepted."""
    async with serve(operator_password=PASSWORD) as page:
        await page.sign_in()
        token = page.client.cookies["actionhero_tasks"]
        page.client.cookies.clear()
        statuses = []
        for value in (cookie, token[:-4] + "AAA=", token[: len(token) // 2], token):
            headers = {b"Cookie": f"actionhero_tasks={value}".encode()}
            response = await page.client.get("/tasks/api/console", headers=headers)
            statuses.append(response.status_code)

    assert statuses == [401, 401, 401, 200]


async def test_a_changed_password_invalidates_all_tokens(serve: Serve) -> None:
    """The secret key of the application is the same."""
    key = {"ACTIONHERO_APP__SECRET_KEY": "k" * 32}
    async with serve(key, operator_password="another") as page:
        await page.sign_in("another")
        token = page.client.cookies["actionhero_tasks"]
        allowed = await page.client.get("/tasks/api/console")
    async with serve(key, operator_password=PASSWORD) as page:
        headers = {"Cookie": f"actionhero_tasks={token}"}
        refused = await page.client.get("/tasks/api/console", headers=headers)

    assert (allowed.status_code, refused.status_code) == (200, 401)


# -- requests of other pages ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
    ids=str,
)
async def test_requests_of_other_sites_are_forbidden(serve: Serve, headers: dict[str, str]) -> None:
    """Also if CORS allows all origins."""
    cors = {"ACTIONHERO_WEB__ALLOWED_ORIGINS": "*"}
    async with serve(cors, operator_password=PASSWORD) as page:
        await page.sign_in()
        read = await page.client.get("/tasks/api/console", headers=headers)
        change = await page.client.post(
            "/tasks/api/change/jobs/discard_dead",
            json={},
            headers=headers,
        )
        page.client.cookies.clear()
        sign_in = await page.sign_in(**headers)

    for response in (read, change, sign_in):
        assert response.status_code == 403
        assert response.json()["error"]["type"] == "CONNECTION_ACTION_FORBIDDEN"
    assert "Set-Cookie" not in sign_in.headers


async def test_the_own_origin_is_that_of_a_trusted_proxy(serve: Serve) -> None:
    """Which may replace the host; an allowed origin is another page."""
    settings = {
        "ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1",
        "ACTIONHERO_WEB__ALLOWED_ORIGINS": "https://app.example",
    }
    forwarded = {"X-Forwarded-Host": "ops.example", "X-Forwarded-For": "203.0.113.9"}
    async with serve(settings, operator_password=PASSWORD) as page:
        own = await page.sign_in(Origin="https://ops.example", **forwarded)
        allowed = await page.sign_in(Origin="https://app.example", **forwarded)

    assert (own.status_code, allowed.status_code) == (303, 403)


async def test_changes_require_post_and_json(serve: Serve) -> None:
    """Forms of other sites cannot send JSON."""
    async with serve() as page:
        url = "/tasks/api/change/jobs/retry"
        plain = {"Content-Type": "text/plain"}
        form = await page.client.post(url, data={"id": "x"})
        text = await page.client.post(url, content=b'{"id":"x"}', headers=plain)
        get = await page.client.get(f"{url}?id=x")
        json = await page.client.post(url, json={"id": "x"}, headers={"Origin": page.origin})

    assert (form.status_code, text.status_code) == (415, 415)
    assert (get.status_code, get.headers["Allow"]) == (405, "OPTIONS, POST")
    assert json.status_code == 404
