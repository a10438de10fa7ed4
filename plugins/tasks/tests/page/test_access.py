"""Who may see the page, and who may change something by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from aiohttp import HttpVersion10, HttpVersion11
from aiohttp.test_utils import make_mocked_request

from actionhero import App, RunMode
from actionhero.settings.sources import read_sources
from actionhero_tasks import plugin as tasks_plugin
from actionhero_tasks.page.access import Access
from actionhero_tasks.page.throttle import FREE, LONGEST_SECONDS, MOST_PEERS, Throttle
from actionhero_tasks.page.tokens import SignedTokens
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable
    from pathlib import Path

    from plugins.tasks.tests.page.conftest import Served

    Serve = Callable[..., contextlib.AbstractAsyncContextManager[Served]]

PASSWORD = "correct horse battery staple"
PRODUCTION = {"ACTIONHERO_ENV": "production", "ACTIONHERO_APP__SECRET_KEY": "k" * 32}
#: All that is there, and what is not.
PATHS = ("/tasks", "/tasks/", "/tasks/page.js", "/tasks/api/overview", "/tasks/api/jobs?state=dead")


async def looks_absent(served: Served, **headers: str) -> bool:
    """Whether every path of the page is told as one that nobody has heard of."""
    unknown = await served.client.get("/nowhere", headers=headers)
    for method, path in [
        *(("GET", path) for path in PATHS),
        ("POST", "/tasks"),
        ("POST", "/tasks/sign-in"),
        ("POST", "/tasks/api/retry"),
    ]:
        answer = await served.client.request(method, path, headers=headers)
        told = [
            (a.status_code, a.json()["error"]["message"], a.json()["error"]["type"], set(a.headers))
            for a in (answer, unknown)
        ]
        if told[0] != told[1]:
            return False
    return True


# -- without a password --------------------------------------------------------------------------


async def test_without_a_password_this_machine_sees_the_page_in_development(served: Serve) -> None:
    """By any name that it has for itself."""
    async with served() as page:
        answers = [await page.client.get(path) for path in PATHS]
        named = await page.client.get("/tasks", headers={"Host": "guestbook.localhost:8080"})

    assert [answer.status_code for answer in answers] == [200, 308, 200, 200, 200]
    assert named.status_code == 200
    assert answers[0].headers["Cache-Control"] == "no-store"
    assert "Sign out" not in answers[0].text


@pytest.mark.parametrize("environment", ["production", "test"])
async def test_without_a_password_there_is_no_page_elsewhere(
    served: Serve, environment: str
) -> None:
    """Not for this machine either."""
    environ = {**PRODUCTION, "ACTIONHERO_ENV": environment}
    async with served(environ, store="embedded") as page:
        assert await looks_absent(page)


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
async def test_without_a_password_nothing_is_let_through_a_proxy(
    served: Serve, headers: dict[str, str]
) -> None:
    """A proxy on this machine does not open the page to the world, nor does a name that leads here.

    Whatever the headers say: who sent them is not known.
    """
    async with served() as page:
        assert await looks_absent(page, **headers)


async def test_without_a_password_a_trusted_proxy_tells_who_asks(served: Serve) -> None:
    """If it tells nobody, nobody is let in."""
    trusting = {"ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1"}
    async with served(trusting) as page:
        assert await looks_absent(page, **{"X-Forwarded-For": "203.0.113.9"})
        assert await looks_absent(page)
        here = await page.client.get("/tasks", headers={"X-Forwarded-For": "::1"})

    assert here.status_code == 200


@pytest.mark.parametrize(
    ("peer", "version", "is_hidden"),
    [
        ("127.0.0.1", HttpVersion11, False),
        ("::1", HttpVersion11, False),
        ("::ffff:127.0.0.1", HttpVersion11, False),
        ("192.168.1.7", HttpVersion11, True),
        ("2001:db8::1", HttpVersion11, True),
        (None, HttpVersion11, True),
        # What many proxies speak that nobody has set up to say more.
        ("127.0.0.1", HttpVersion10, True),
    ],
)
def test_without_a_password_others_are_told_of_nothing(
    tmp_path: Path, peer: str | None, version: Any, is_hidden: bool
) -> None:
    """Nor who comes through a Unix socket, which may be anybody."""
    sources = read_sources(tmp_path, environ={"ACTIONHERO_ENV": "development"})
    app = App.of([web_plugin, tasks_plugin], sources, RunMode.CLI)
    app.refuse_problems()
    request = make_mocked_request("GET", "/tasks", {"Host": "localhost"}, version=version)
    # Typed as if there were always an address.
    request = request.clone(remote=cast("str", peer))

    assert Access(app).is_hidden(request) is is_hidden


async def test_an_empty_path_is_no_page(served: Serve) -> None:
    """Another path is where it is then."""
    async with served(page="") as page:
        assert (await page.client.get("/tasks")).status_code == 404
    async with served(page="/ops/jobs") as page:
        assert (await page.client.get("/ops/jobs")).status_code == 200
        assert (await page.client.get("/ops/jobs/page.css")).status_code == 200
        assert (await page.client.get("/tasks")).status_code == 404


# -- with a password -----------------------------------------------------------------------------


@pytest.mark.parametrize("environ", [{}, PRODUCTION], ids=["development", "production"])
async def test_with_a_password_it_is_asked_for_everywhere(
    served: Serve, environ: dict[str, str]
) -> None:
    """Also on this machine. What it asks for is refused in the envelope of every refusal."""
    async with served(environ, store="embedded", operator_password=PASSWORD) as page:
        form = await page.client.get("/tasks")
        told = await page.client.get("/tasks/api/overview")
        changed = await page.change("retry", id="x")
        signed_in = await page.sign_in()
        shown = await page.client.get("/tasks")
        known = await page.client.get("/tasks/api/overview")
        out = await page.client.post("/tasks/sign-out")
        after = await page.client.get("/tasks/api/overview")

    assert 'type="password"' in form.text
    assert (told.status_code, told.json()["error"]["type"]) == (401, "CONNECTION_SESSION_NOT_FOUND")
    assert changed.status_code == 401
    assert (signed_in.status_code, signed_in.headers["Location"]) == (303, "../tasks")
    assert "Sign out" in shown.text
    assert known.status_code == 200
    assert (out.status_code, after.status_code) == (303, 401)


async def test_the_pass_is_out_of_reach_of_scripts_and_of_other_sites(served: Serve) -> None:
    """It is sent to the folder of the page alone, and only by TLS if it came so."""
    trusting = {"ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1"}
    async with served(trusting, operator_password=PASSWORD) as page:
        plain = (await page.sign_in()).headers["Set-Cookie"]
        safe = (await page.sign_in(**{"X-Forwarded-Proto": "https"})).headers["Set-Cookie"]

    assert plain.startswith("actionhero_tasks=")
    assert plain.endswith("; Max-Age=43200; HttpOnly; SameSite=Strict")
    assert safe.startswith("__Secure-actionhero_tasks=")
    assert safe.endswith("; HttpOnly; SameSite=Strict; Secure")
    assert PASSWORD not in plain + safe


async def test_a_wrong_password_is_refused_and_not_written_down(
    served: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is it shown again. In an address it is nothing."""
    async with served(operator_password=PASSWORD) as page:
        wrong = await page.sign_in("sesame, open")
        in_address = await page.client.get(f"/tasks/api/overview?password={PASSWORD}")
        as_json = await page.client.post("/tasks/sign-in", json={"password": PASSWORD})
        await page.sign_in()

    assert wrong.status_code == 401
    assert "That is not the password." in wrong.text
    assert "Set-Cookie" not in wrong.headers
    assert (in_address.status_code, as_json.status_code) == (401, 401)
    assert "sesame" not in wrong.text + caplog.text
    assert PASSWORD not in caplog.text


async def test_who_guesses_has_to_wait_and_others_do_not(served: Serve) -> None:
    """Many at once gain nothing; the right password, meanwhile, is one more guess."""
    trusting = {"ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1"}
    async with served(trusting, operator_password=PASSWORD) as page:
        guesser, other = ({"X-Forwarded-For": f"203.0.113.{number}"} for number in (6, 7))
        wrong = [await page.sign_in("guess", **guesser) for _ in range(FREE)]
        refused = await page.sign_in(PASSWORD, Accept="text/html", **guesser)
        told = await page.sign_in(PASSWORD, **guesser)
        others = await page.sign_in(PASSWORD, **other)

    assert [answer.status_code for answer in wrong] == [401] * FREE
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert "Too many attempts." in refused.text
    assert (told.status_code, told.json()["error"]["type"]) == (429, "CONNECTION_RATE_LIMITED")
    assert others.status_code == 303


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAA", "ü", "a b;c"])
async def test_a_pass_that_we_did_not_give_is_none(served: Serve, cookie: str) -> None:
    """Neither is one that was changed."""
    async with served(operator_password=PASSWORD) as page:
        await page.sign_in()
        given = page.client.cookies["actionhero_tasks"]
        page.client.cookies.clear()
        statuses = []
        for shown in (cookie, given[:-4] + "AAA=", given[: len(given) // 2], given):
            headers = {b"Cookie": f"actionhero_tasks={shown}".encode()}
            answer = await page.client.get("/tasks/api/overview", headers=headers)
            statuses.append(answer.status_code)

    assert statuses == [401, 401, 401, 200]


def test_a_pass_is_good_for_a_while_and_for_one_password_and_key() -> None:
    """Whoever changes one of the two ends every session."""
    now = [1_000_000.0]

    def passes(password: str = PASSWORD, key: str = "key") -> SignedTokens:
        return SignedTokens(password, lambda: key, ttl_seconds=60, clock=lambda: now[0])

    token = passes().give()

    assert passes().is_good(token)
    assert not passes(password="another").is_good(token)
    assert not passes(key="another").is_good(token)
    now[0] += 60
    assert passes().is_good(token)
    now[0] += 1
    assert not passes().is_good(token)


def test_waits_grow_end_and_are_forgotten() -> None:
    """One peer is one network of IPv6; the memory for them is bounded."""
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    waits = []
    for _ in range(FREE + 10):
        throttle.failed("2001:db8::1")
        waits.append(throttle.wait_seconds("2001:db8::ffff"))

    assert waits[: FREE + 3] == [0] * (FREE - 1) + [1, 2, 4, 8]
    assert waits[-1] == LONGEST_SECONDS
    assert throttle.wait_seconds("2001:db8:0:1::1") == 0
    now[0] += LONGEST_SECONDS
    assert throttle.wait_seconds("2001:db8::1") == 0
    throttle.failed("2001:db8::1")
    throttle.passed("2001:db8::2")
    assert throttle.wait_seconds("2001:db8::1") == 0
    for number in range(MOST_PEERS + 10):
        throttle.failed(f"10.0.{number // 256}.{number % 256}")
    assert len(throttle._failures) == MOST_PEERS


# -- other pages ---------------------------------------------------------------------------------


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
async def test_pages_of_others_can_ask_for_nothing(served: Serve, headers: dict[str, str]) -> None:
    """Not even for what they could not read, and not where every page may read answers."""
    reading = {"ACTIONHERO_WEB__ALLOWED_ORIGINS": "*"}
    async with served(reading, operator_password=PASSWORD) as page:
        await page.sign_in()
        read = await page.client.get("/tasks/api/overview", headers=headers)
        changed = await page.client.post(
            "/tasks/api/dead/discard", json={"queue": None, "before": None}, headers=headers
        )
        page.client.cookies.clear()
        signed_in = await page.sign_in(**headers)

    for answer in (read, changed, signed_in):
        assert answer.status_code == 403
        assert answer.json()["error"]["type"] == "CONNECTION_ACTION_FORBIDDEN"
    assert "Set-Cookie" not in signed_in.headers


async def test_a_form_of_another_page_changes_nothing(served: Serve) -> None:
    """Forms send no JSON, and nothing else is taken; nor is a change asked for by an address."""
    async with served() as page:
        form = await page.client.post("/tasks/api/retry", data={"id": "x"})
        text = await page.client.post(
            "/tasks/api/retry", content=b'{"id":"x"}', headers={"Content-Type": "text/plain"}
        )
        address = await page.client.get("/tasks/api/retry?id=x")
        ours = await page.client.post(
            "/tasks/api/retry", json={"id": "x"}, headers={"Origin": page.origin}
        )

    assert (form.status_code, text.status_code) == (415, 415)
    assert (address.status_code, address.headers["Allow"]) == (405, "POST")
    assert ours.status_code == 404
