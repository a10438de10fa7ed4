"""Sign-in, roles, and the requests that are refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from plugins.console.tests.conftest import HASHES, OPERATORS, PASSWORDS, Site
from redis.exceptions import ConnectionError as RedisConnectionError

from actionhero import BootError, hookimpl
from actionhero_console import Account, Operator, OperatorSource, Role, audit
from actionhero_console.passwords import hash_password, is_hash, verify_password
from actionhero_redis import RedisClients
from actionhero_web.operators.sign_in_limiter import MAX_FREE_FAILURES

if TYPE_CHECKING:
    import httpx

PRODUCTION = {"ACTIONHERO_ENV": "production"}
#: Paths of the console.
PATHS = (
    *("/console", "/console/", "/console/kit/page.js", "/console/kit/ask.js"),
    *("/console/panels/overview/panel.js", "/console/api/console", "/console/api/read"),
)


async def is_hidden(site: Site, **headers: str) -> bool:
    """Return whether every path of the console has the response of an unknown path."""
    unknown = await site.client.get("/nowhere", headers=headers)
    requests = [*(("GET", path) for path in PATHS), ("POST", "/console/sign-in")]
    requests += [("POST", "/console/api/change/stamps/stamp"), ("DELETE", "/console")]
    for method, path in requests:
        response = await site.client.request(method, path, headers=headers)
        if visible_parts(response) != visible_parts(unknown):
            return False
    return True


def visible_parts(response: httpx.Response) -> tuple[Any, ...]:
    """Return the parts of a response that could show the existence of a path."""
    error = response.json()["error"]
    # In development, the message has method and path.
    message = error["message"].partition(":")[0]
    return response.status_code, message, error["type"], set(response.headers)


async def test_without_operators_the_console_is_local_in_development(site: Any) -> None:
    """The operator is an admin, and cannot sign out."""
    async with site() as running:
        page = await running.client.get("/console")
        slash = await running.client.get("/console/")
        described = (await running.client.get("/console/api/console")).json()
        assert await is_hidden(running, **{"X-Forwarded-For": "127.0.0.1"})
        assert await is_hidden(running, Host="evil.example")

    assert (page.status_code, slash.status_code) == (200, 308)
    assert "Sign out" not in page.text
    assert described["operator"] == {"name": "local", "role": "admin", "method": "local"}
    names = [panel["name"] for panel in described["panels"]]
    assert names == ["overview", "actions", "stamps", "log", "settings", "audit"]


@pytest.mark.parametrize("environment", ["production", "test"])
async def test_without_operators_the_console_does_not_exist_elsewhere(
    site: Any, environment: str
) -> None:
    """Also on this machine."""
    environ = {"ACTIONHERO_ENV": environment}
    async with site(environ=environ) as running:
        assert await is_hidden(running)


async def test_an_empty_path_disables_the_console(site: Any) -> None:
    """Another path moves it."""
    async with site(path="") as running:
        assert (await running.client.get("/console")).status_code == 404
    async with site(path="/ops/console") as running:
        assert (await running.client.get("/ops/console")).status_code == 200
        assert (await running.client.get("/ops/console/kit/ask.js")).status_code == 200


async def test_the_page_is_protected_by_its_headers(site: Any) -> None:
    """Nothing from elsewhere is loaded, and nothing is stored."""
    async with site(operators=OPERATORS, environ=PRODUCTION) as running:
        form = await running.client.get("/console")
        await running.sign_in()
        page = await running.client.get("/console")
        data = await running.client.get("/console/api/console")
        error = await running.client.get("/console/api/read", params={"a.b": "{}", "x": "{"})
        refused = await running.client.get("/console/api/nothing")
        script = await running.client.get("/console/kit/page.js")

    assert [r.status_code for r in (form, page, data, error, refused)] == [200, 200, 200, 200, 404]
    for response in (form, page, data, error, script):
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert response.headers["X-Robots-Tag"] == "noindex"
    assert {r.headers["Cache-Control"] for r in (form, page, data, error, refused)} == {"no-store"}
    assert "<script>" not in page.text
    assert "style=" not in page.text


async def test_operators_sign_in_with_name_and_password(site: Any) -> None:
    """Before, nothing is readable; sign-out ends the session on the server too."""
    async with site(operators=OPERATORS, environ=PRODUCTION) as running:
        before = await running.client.get("/console/api/console")
        wrong = await running.sign_in("ada", "sesame")
        unknown = await running.sign_in("mallory", "ada-password")
        response = await running.sign_in("ada")
        cookie = response.headers["Set-Cookie"]
        described = (await running.client.get("/console/api/console")).json()
        token = running.client.cookies["actionhero_console"]
        signed_out = await running.client.post("/console/sign-out")
        stolen = await running.client.get(
            "/console/api/console", headers={"Cookie": f"actionhero_console={token}"}
        )
        entries = await running.audit()

    assert (before.status_code, before.json()["error"]["type"]) == (
        401,
        "CONNECTION_SESSION_NOT_FOUND",
    )
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.text == unknown.text
    assert "Wrong name or password." in wrong.text
    assert (response.status_code, response.headers["Location"]) == (303, "../console")
    assert cookie.endswith("; Max-Age=43200; HttpOnly; SameSite=Strict")
    assert described["operator"] == {"name": "ada", "role": "admin", "method": "password"}
    assert (signed_out.status_code, stolen.status_code) == (303, 401)
    events = [(entry["event"], entry["outcome"], entry["operator"]) for entry in entries]
    assert events == [
        ("sign_in", "failure", None),
        ("sign_in", "failure", None),
        ("sign_in", "begun", "ada"),
        ("sign_in", "success", "ada"),
        ("sign_out", "success", "ada"),
    ]
    assert "sesame" not in str(entries)


async def test_the_cookie_is_secure_over_tls(site: Any) -> None:
    """Its name has a prefix that browsers enforce."""
    trusted = {"ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1"}
    async with site(operators=OPERATORS, environ=trusted) as running:
        response = await running.sign_in(**{"X-Forwarded-Proto": "https"})

    assert response.headers["Set-Cookie"].startswith("__Secure-actionhero_console=")
    assert response.headers["Set-Cookie"].endswith("; HttpOnly; SameSite=Strict; Secure")


@pytest.mark.parametrize(
    "change",
    [
        {"role": "viewer"},
        {"password_hash": hash_password("other", cost=1024)},
        {"name": "ada2"},
    ],
    ids=["role", "password", "name"],
)
async def test_a_session_ends_with_a_change_of_the_account(site: Any, change: Any) -> None:
    """Of the role, the password or the name; without one it is valid after a restart."""
    account = {"name": "ada", "password_hash": HASHES["ada"], "role": "admin"}
    async with site(operators=[account]) as running:
        await running.sign_in("ada")
        token = running.client.cookies["actionhero_console"]
    headers = {"Cookie": f"actionhero_console={token}"}
    async with site(operators=[account]) as running:
        same = await running.client.get("/console/api/console", headers=headers)
    async with site(operators=[{**account, **change}]) as running:
        changed = await running.client.get("/console/api/console", headers=headers)

    assert (same.status_code, changed.status_code) == (200, 401)


async def test_failed_sign_ins_are_limited_by_address(site: Any) -> None:
    """During the delay, the right password is refused too."""
    environ = {"ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1"}
    async with site(password="sesame", environ=environ) as running:
        attacker, other = ({"X-Forwarded-For": f"203.0.113.{number}"} for number in (6, 7))
        wrong = [
            await running.sign_in("admin", "guess", **attacker) for _ in range(MAX_FREE_FAILURES)
        ]
        html = await running.sign_in("admin", "sesame", Accept="text/html", **attacker)
        json = await running.sign_in("admin", "sesame", **attacker)
        allowed = await running.sign_in("admin", "sesame", **other)

    assert {response.status_code for response in wrong} == {401}
    # The form of the only operator asks for no name.
    assert "Wrong password." in wrong[0].text
    assert (html.status_code, html.headers["Retry-After"]) == (429, "1")
    assert json.json()["error"]["type"] == "CONNECTION_RATE_LIMITED"
    assert allowed.status_code == 303


async def test_a_sign_in_does_not_clear_the_failures_of_others(site: Any) -> None:
    """Otherwise, a client with an account could guess other passwords without a delay."""
    async with site(operators=OPERATORS) as running:
        guesses = [await running.sign_in("ada", "guess") for _ in range(MAX_FREE_FAILURES - 1)]
        own = await running.sign_in("eve")
        last_guess = await running.sign_in("ada", "guess")
        delayed = await running.sign_in("ada")

    assert {response.status_code for response in (*guesses, last_guess)} == {401}
    assert own.status_code == 303
    assert delayed.status_code == 429


async def test_the_first_delayed_sign_in_is_audited(site: Any) -> None:
    """The others of a delay are not: a client can send any number of them."""
    async with site(operators=OPERATORS) as running:
        for _ in range(MAX_FREE_FAILURES):
            await running.sign_in("ada", "guess")
        delayed = [await running.sign_in("ada", "guess") for _ in range(3)]
        entries = await running.audit()

    assert {response.status_code for response in delayed} == {429}
    failures, [last] = entries[:-1], entries[-1:]
    assert len(failures) == MAX_FREE_FAILURES
    assert not any("reason" in entry for entry in failures)
    assert (last["event"], last["outcome"], last["name"], last["reason"]) == (
        "sign_in", "failure", "ada", "too many failures",
    )  # fmt: skip


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAA", "ü", "a b;c"])
async def test_forged_cookies_are_refused(site: Any, cookie: str) -> None:
    """Also those that cannot be decoded."""
    async with site(operators=OPERATORS) as running:
        headers = {b"Cookie": f"actionhero_console={cookie}".encode()}
        response = await running.client.get("/console/api/console", headers=headers)

    assert response.status_code == 401


# -- roles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("eve", {"stamps/stamp": 403, "stamps/burn": 403, "actions/run": 403}),
        ("bob", {"stamps/stamp": 200, "stamps/burn": 403, "actions/run": 403}),
        ("ada", {"stamps/stamp": 200, "stamps/burn": 200, "actions/run": 200}),
    ],
)
async def test_the_server_checks_the_role_of_each_change(
    site: Any, name: str, expected: dict[str, int]
) -> None:
    """A refusal is recorded; the page does not offer the change."""
    bodies = {"actions/run": {"name": "greet", "values": {"name": ["Ada"]}}}
    async with site(operators=OPERATORS, environ=PRODUCTION) as running:
        await running.sign_in(name)
        statuses = {
            change: (await running.change(change, json=bodies.get(change, {"id": "7"}))).status_code
            for change in expected
        }
        described = (await running.client.get("/console/api/console")).json()
        entries = await running.audit()
        made = running.stamps.made

    assert statuses == expected
    offered = {f"{p['name']}/{c}" for p in described["panels"] for c in p["changes"]}
    assert offered == {change for change, status in expected.items() if status == 200}
    refusals = [entry["path"] for entry in entries if entry["event"] == "access"]
    assert refusals == [f"change/{c}" for c, status in expected.items() if status == 403]
    assert len(made) == sum(expected[change] == 200 for change in ("stamps/stamp", "stamps/burn"))


async def test_the_audit_log_is_for_admins(site: Any) -> None:
    """A refused query is recorded too."""
    async with site(operators=OPERATORS) as running:
        await running.sign_in("bob")
        error = await running.read("audit.list")
        last = (await running.audit())[-1]
        described = (await running.client.get("/console/api/console")).json()

    assert error["message"] == "It needs the role admin; you are operator"
    assert (last["event"], last["outcome"], last["operator"]) == ("access", "failure", "bob")
    assert "audit" not in [panel["name"] for panel in described["panels"]]


async def test_read_only_takes_all_changes_away(site: Any) -> None:
    """Also from admins."""
    async with site(read_only=True) as running:
        response = await running.change("stamps/stamp", json={"id": "7"})
        described = (await running.client.get("/console/api/console")).json()

    assert response.json()["error"]["message"] == "The console is read-only"
    assert not any(panel["changes"] for panel in described["panels"])


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
async def test_requests_of_other_pages_are_refused(site: Any, headers: dict[str, str]) -> None:
    """Changes, sign-in and sign-out, and queries; also if CORS allows all origins."""
    environ = {"ACTIONHERO_WEB__ALLOWED_ORIGINS": "*"}
    async with site(operators=OPERATORS, environ=environ) as running:
        refused_sign_in = await running.sign_in("ada", **headers)
        await running.sign_in("ada")
        responses = [
            refused_sign_in,
            await running.change("stamps/stamp", json={"id": "7"}, headers=headers),
            await running.client.post("/console/sign-out", headers=headers),
            await running.client.get("/console/api/console", headers=headers),
        ]
        entries = await running.audit()
        made = running.stamps.made

    assert [response.status_code for response in responses] == [403] * 4
    assert made == []
    # That of the sign-in is not kept with the acts of operators: the client is unknown.
    assert [e["operator"] for e in entries if e["event"] == "access"] == ["ada", "ada"]


async def test_changes_are_json_and_post(site: Any) -> None:
    """A form of any page could send something else; GET changes nothing."""
    async with site() as running:
        form = await running.client.post("/console/api/change/stamps/stamp", data={"id": "7"})
        got = await running.client.get("/console/api/change/stamps/stamp?id=7")
        text = await running.change("stamps/stamp", json=["7"])
        made = running.stamps.made

    assert (form.status_code, got.status_code, text.status_code) == (415, 405, 400)
    assert made == []


async def test_scripts_of_panels_are_for_operators_with_their_role(site: Any) -> None:
    """Their names alone would show the installed plugins."""
    path = "/console/panels/audit/panel.js"
    aliases = ("p%2561nels/audit/panel.js", "panels%252Faudit/panel.js", "panels//audit/panel.js")
    async with site(operators=OPERATORS) as running:
        unknown = await running.client.get(path)
        shell = await running.client.get("/console/kit/page.js")
        await running.sign_in("eve")
        viewer = await running.client.get(path)
        own = await running.client.get("/console/panels/stamps/panel.js")
        hidden = [await running.client.get(f"/console/{alias}") for alias in aliases]
        running.client.cookies.clear()
        await running.sign_in("ada")
        admin = await running.client.get(path)

    assert [unknown.status_code, viewer.status_code, admin.status_code] == [404, 404, 200]
    assert [shell.status_code, own.status_code] == [200, 200]
    assert [response.status_code for response in hidden] == [404] * len(aliases)


async def test_refusals_do_not_displace_acts(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which a limited number is kept: viewers and strangers cause any number of refusals."""
    monkeypatch.setattr(audit, "MAX_ENTRIES", 4)
    environ = {"ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1"}
    async with site(operators=OPERATORS, environ=environ) as running:
        await running.sign_in("bob")
        await running.change("stamps/stamp", json={"id": "7"})
        running.client.cookies.clear()
        for number in range(6):
            forwarded = {"X-Forwarded-For": f"203.0.113.{number}"}
            await running.sign_in("ada", "wrong", **forwarded)
        monkeypatch.setattr(audit, "MAX_ENTRIES", 100)
        await running.sign_in("eve")
        monkeypatch.setattr(audit, "MAX_ENTRIES", 6)
        for _ in range(9):
            await running.change("stamps/stamp", json={"id": "8"})
        entries = await running.audit()

    acts = [(entry["event"], entry["outcome"]) for entry in entries if entry["event"] != "access"]
    assert acts == [
        ("sign_in", "begun"), ("sign_in", "success"),
        ("console.change", "begun"), ("console.change", "success"),
        ("sign_in", "begun"), ("sign_in", "success"),
    ]  # fmt: skip
    assert [entry["event"] for entry in entries].count("access") == 6


async def test_entries_and_log_lines_have_the_id_of_their_request(site: Any) -> None:
    """It is that of the response, also of one that is refused."""
    async with site(operators=OPERATORS) as running:
        await running.sign_in("ada")
        responses = [
            await running.change("stamps/stamp", json={"id": "7"}),
            await running.change("stamps/stamp", json={"id": "7"}, headers={"Origin": "null"}),
        ]
        entries = await running.audit()

    ids = [response.headers["X-Request-Id"] for response in responses]
    assert ids[1] == responses[1].json()["error"]["request_id"]
    assert [entry["request_id"] for entry in entries[-3:]] == [ids[0], ids[0], ids[1]]


@pytest.mark.parametrize("path", ["sign-in", "sign-out"])
async def test_the_address_of_a_form_leads_to_the_console(site: Any, path: str) -> None:
    """A browser loads it again after a failed attempt."""
    async with site(operators=OPERATORS) as running:
        response = await running.client.get(f"/console/{path}")

    assert (response.status_code, response.headers["Location"]) == (303, "../console")


async def test_a_sign_in_while_redis_is_away_shows_the_form(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason; the operator is not signed in. Other clients get JSON."""

    async def fail(*_: Any, **__: Any) -> None:
        raise RedisConnectionError("down")

    async with site(operators=OPERATORS) as running:
        monkeypatch.setattr(RedisClients, "execute", fail)
        html = await running.sign_in("ada", Accept="text/html")
        json = await running.sign_in("ada", Accept="application/json")
        monkeypatch.undo()

    assert (html.status_code, json.status_code) == (503, 503)
    assert html.headers["Content-Type"].startswith("text/html")
    assert 'role="alert">The audit log cannot be written' in html.text
    assert "Content-Security-Policy" in html.headers
    assert "Set-Cookie" not in html.headers
    assert json.json()["error"]["type"] == "CONNECTION_SERVICE_UNAVAILABLE"


async def test_the_page_is_shown_while_redis_does_not_answer(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After half a second, not after the time limit of its client."""
    hangs: list[asyncio.Future[None]] = []

    async def hang(*_: Any, **__: Any) -> None:
        hangs.append(asyncio.get_running_loop().create_future())
        await hangs[-1]

    async with site(operators=OPERATORS) as running:
        await running.sign_in("ada")
        monkeypatch.setattr(RedisClients, "execute", hang)
        started = asyncio.get_running_loop().time()
        response = await running.client.get("/console/api/console")
        seconds = asyncio.get_running_loop().time() - started
        monkeypatch.undo()

    assert response.status_code == 200
    assert seconds < 2
    assert hangs


# -- operators of plugins ------------------------------------------------------------------------


class ProxyHeader(OperatorSource):
    """Operators by the header of a proxy."""

    async def operator_of(self, request: Any) -> Operator | None:
        name = request.headers.get("X-Operator")
        return Operator(name, Role.VIEWER, "proxy") if name else None


class Employees:
    """A plugin with operators."""

    @hookimpl(optionalhook=True)
    def actionhero_console_operators(self) -> list[OperatorSource]:
        return [ProxyHeader()]


class Support:
    """A plugin with an account."""

    @hookimpl(optionalhook=True)
    def actionhero_console_accounts(self) -> list[Account]:
        return [Account("operator", "admin", password="tasks-password")]


async def test_a_source_of_operators_replaces_the_sign_in(site: Any) -> None:
    """Others do not see the console, not even on this machine."""
    async with site(Employees()) as running:
        assert await is_hidden(running)
        headers = {"X-Operator": "grace"}
        described = (await running.client.get("/console/api/console", headers=headers)).json()
        refused = await running.change("stamps/stamp", json={"id": "7"}, headers=headers)

    assert described["operator"] == {"name": "grace", "role": "viewer", "method": "proxy"}
    assert refused.status_code == 403


async def test_accounts_need_the_secret_key_in_production(site: Any) -> None:
    """The start fails, and not the first sign-in."""
    environ = {**PRODUCTION, "ACTIONHERO_APP__SECRET_KEY": None}
    with pytest.raises(BootError, match="is required in production; set"):
        async with site(operators=OPERATORS, environ=environ):
            pass


async def test_accounts_of_plugins_can_sign_in(site: Any) -> None:
    """The form does not ask for the name of the only one."""
    async with site(Support(), environ=PRODUCTION) as running:
        form = (await running.client.get("/console")).text
        await running.sign_in("operator", "tasks-password")
        described = (await running.client.get("/console/api/console")).json()

    assert 'value="operator"' in form
    assert 'id="username"' not in form
    assert described["operator"]["role"] == "admin"


def test_passwords_are_hashed_by_scrypt() -> None:
    """With a salt; a hash that cannot be computed is invalid."""
    one, other = HASHES["ada"], hash_password(PASSWORDS["ada"], cost=2048)

    assert one != other
    assert verify_password(PASSWORDS["ada"], one)
    assert verify_password(PASSWORDS["ada"], other)
    assert not verify_password("wrong", one)
    assert is_hash(one)
    for text in ("", "scrypt$1$1", "scrypt$3$8$1$YQ$YQ", "scrypt$99999999$99$1$YQ$YQ", "plain"):
        assert not is_hash(text)
        assert not verify_password("", text)


async def test_the_form_of_characters_makes_no_difference(site: Any) -> None:
    """A keyboard may compose characters of a password, and another one not."""
    composed, decomposed = "p\u00e9ch\u00e9", "pe\u0301che\u0301"

    assert verify_password(decomposed, hash_password(composed, cost=1024))
    assert verify_password(composed, hash_password(decomposed, cost=1024))
    async with site(password=composed) as running:
        await running.sign_in("admin", decomposed)


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (Account("", password="x"), "without a name"),
        (
            Account("support", "reader", password="x"),
            "with the unknown role 'reader'; available: viewer, operator, admin",
        ),
        (Account("support"), "with a password and a hash of one, or with neither"),
        (
            Account("support", password="x", password_hash=HASHES["ada"]),
            "with a password and a hash of one, or with neither",
        ),
        (Account("support", password_hash="sesame"), "with an invalid hash; make it by"),
    ],
)
async def test_an_invalid_account_of_a_plugin_stops_the_start(
    site: Any, account: Account, expected: str
) -> None:
    """Its sign-in would fail each time."""

    class Invalid:
        @hookimpl(optionalhook=True)
        def actionhero_console_accounts(self) -> list[Account]:
            return [account]

    with pytest.raises(BootError, match="of the console") as error:
        async with site(Invalid()):
            pass

    assert expected in str(error.value)
