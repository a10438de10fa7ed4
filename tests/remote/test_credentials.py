"""Tokens, sessions and profiles."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.remote.foreign_servers import ForeignServer, Reply, document

if TYPE_CHECKING:
    from tests.remote.conftest import Far

TOKEN = "t0ken-of-ada"

#: A keyring in a file, as a backend of the library.
KEYRING = """
from __future__ import annotations

import json
import os
import pathlib

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

FILE = pathlib.Path(os.environ["HOME"], "keyring.json")


class Keyring(KeyringBackend):
    priority = 1

    def _all(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service}|{username}")

    def set_password(self, service, username, password):
        FILE.write_text(json.dumps({**self._all(), f"{service}|{username}": password}))

    def delete_password(self, service, username):
        entries = self._all()
        if entries.pop(f"{service}|{username}", None) is None:
            raise PasswordDeleteError("not found")
        FILE.write_text(json.dumps(entries))


class Locked(Keyring):
    def get_password(self, service, username):
        raise RuntimeError("the keyring is locked")

    set_password = get_password
"""


def test_a_token_is_of_an_option_a_variable_or_stdin(far: Far) -> None:
    """It is sent as a bearer token."""
    call = ("--url", far.url, "call", "book:guarded")

    commands = [
        far.run("--token", TOKEN, *call),
        far.run("--token", "-", *call, stdin_text=f"{TOKEN}\n"),
        far.run(*call, ACTIONHERO_TOKEN=TOKEN),
        far.run("call", "book:guarded", ACTIONHERO_TOKEN=TOKEN, ACTIONHERO_URL=far.url),
    ]

    for command in commands:
        assert (command.code, command.stdout, command.stderr) == (0, '"ada"\n', "")


def test_a_call_without_credentials_is_advised_to_log_in(far: Far) -> None:
    """After the error document, which is that of a local call."""
    command = far.call("book:guarded")

    assert (command.code, command.stdout) == (1, "")
    document, hint = command.stderr.splitlines()
    assert json.loads(document)["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"
    assert hint.startswith(f"hint: log in with 'actionhero login NAME --url {far.url}'")


def test_a_refused_token_does_not_appear_in_errors(far: Far) -> None:
    """Nor one that no header can have."""
    wrong = far.call("book:guarded", ACTIONHERO_TOKEN="wr0ng-token")
    invalid = far.call("book:guarded", ACTIONHERO_TOKEN="wr0ng token\x07")
    forbidden = far.call("book:guarded", ACTIONHERO_TOKEN="t0ken-of-bob")

    assert (wrong.code, invalid.code, forbidden.code) == (1, 78, 1)
    assert "hint: log in" in wrong.stderr
    assert "the token of ACTIONHERO_TOKEN is empty, or contains spaces" in invalid.stderr
    assert "hint" not in forbidden.stderr
    assert "wr0ng" not in wrong.stderr + invalid.stderr


def test_a_profile_is_stored_in_a_file_that_only_its_user_can_read(far: Far) -> None:
    """Without a keyring, and independent of the mask of new files."""
    login = far.run("login", "home", "--url", far.url, stdin_text=f"{TOKEN}\n")
    listing = far.run("profiles", "--format", "json")
    call = far.run("--profile", "home", "call", "book:guarded")
    by_variable = far.run("call", "book:guarded", ACTIONHERO_PROFILE="home")

    assert (login.code, login.stdout) == (0, "")
    assert f"stored the profile 'home' for {far.url} in {far.profiles}" in login.stderr
    assert "the system's keyring is not used: NoKeyringError" in login.stderr
    assert stat.S_IMODE(far.profiles.stat().st_mode) == 0o600
    assert stat.S_IMODE(far.profiles.parent.stat().st_mode) == 0o700
    assert json.loads(listing.stdout) == [
        {
            "name": "home",
            "url": far.url,
            "credentials": "token",
            "store": "file",
            "ca_file": None,
            "allow_http": False,
        }
    ]
    for command in (call, by_variable):
        assert (command.code, command.stdout, command.stderr) == (0, '"ada"\n', "")
    assert TOKEN not in login.stderr + listing.stdout


def test_a_file_that_others_can_read_is_refused(far: Far) -> None:
    """The error contains the command that repairs it."""
    far.run("login", "home", "--url", far.url, stdin_text=f"{TOKEN}\n")
    far.profiles.chmod(0o644)

    command = far.run("--profile", "home", "call", "book:guarded")

    assert command.code == 78
    assert f"(mode 644); run: chmod 600 {far.profiles}" in command.stderr


def test_a_logout_removes_the_profile(far: Far) -> None:
    """And its token."""
    far.run("login", "--url", far.url, stdin_text=f"{TOKEN}\n")

    logout = far.run("logout")
    again = far.run("logout")
    call = far.run("--profile", "default", "call", "book:guarded")

    assert (logout.code, logout.stderr) == (0, "removed the profile 'default'\n")
    assert TOKEN not in far.profiles.read_text()
    for command in (again, call):
        assert command.code == 78
        assert "unknown profile 'default'; available: none" in command.stderr


def test_a_token_that_the_server_refuses_is_not_stored(far: Far) -> None:
    """Nor one for a server that is not there."""
    refused = far.run("login", "--url", far.url, stdin_text="wr0ng-token\n")
    empty = far.run("login", "--url", far.url, stdin_text="\n")
    foreign = far.run("login", "--url", f"{far.url}/other", stdin_text=f"{TOKEN}\n")

    assert (refused.code, empty.code, foreign.code) == (1, 78, 78)
    assert "The token is not valid" in refused.stderr
    assert not far.profiles.exists()


def test_a_keyring_stores_the_token(far: Far) -> None:
    """The file has the profile without it."""
    far.place.site.mkdir(exist_ok=True)
    (far.place.site / "test_keyring.py").write_text(KEYRING)
    keyring = {"PYTHON_KEYRING_BACKEND": "test_keyring.Keyring"}
    entries = far.home / "keyring.json"

    login = far.run("login", "home", "--url", far.url, stdin_text=f"{TOKEN}\n", **keyring)
    call = far.run("--profile", "home", "call", "book:guarded", **keyring)
    locked = far.run(
        *("--profile", "home", "call", "book:guarded"), PYTHON_KEYRING_BACKEND="test_keyring.Locked"
    )
    stored = json.loads(entries.read_text())
    logout = far.run("logout", "home", **keyring)

    assert "in the system's keyring" in login.stderr
    assert (call.code, call.stdout) == (0, '"ada"\n')
    assert stored == {f"actionhero|home {far.url}": TOKEN}
    assert TOKEN not in far.profiles.read_text()
    assert locked.code == 78
    assert "cannot be read: RuntimeError: the keyring is locked; unlock it" in locked.stderr
    assert (logout.code, json.loads(entries.read_text())) == (0, {})


def test_a_token_of_a_keyring_is_for_one_server(far: Far) -> None:
    """An edited URL does not get it."""
    far.place.site.mkdir(exist_ok=True)
    (far.place.site / "test_keyring.py").write_text(KEYRING)
    keyring = {"PYTHON_KEYRING_BACKEND": "test_keyring.Keyring"}
    far.run("login", "home", "--url", far.url, stdin_text=f"{TOKEN}\n", **keyring)

    with ForeignServer({"/api/swagger": document()}).run() as other:
        far.profiles.write_text(far.profiles.read_text().replace(far.url, other.url))
        command = far.run("--profile", "home", "call", "book:show", **keyring)

    assert command.code == 78
    assert "the profile 'home' has no token in the keyring" in command.stderr
    assert other.requests == []


def test_the_variable_of_a_token_is_for_the_server_of_the_variable(far: Far) -> None:
    """Another server does not get it."""
    replies = {"/api/swagger": document(), "/api/show": Reply(body=b"1")}
    with ForeignServer(replies).run() as other:
        command = far.run(
            *("--url", other.url, "call", "book:show"),
            ACTIONHERO_URL=far.url,
            ACTIONHERO_TOKEN=TOKEN,
        )

    assert (command.code, command.stdout) == (0, "1\n")
    assert all("Authorization" not in headers for _, _, headers in other.requests)


def test_the_variable_of_a_url_does_not_get_the_token_of_a_profile(far: Far) -> None:
    """It selects the server of calls; that of a profile is changed by `--url` only."""
    far.run("login", "home", "--url", far.url, stdin_text=f"{TOKEN}\n")

    with ForeignServer({"/api/swagger": document()}).run() as other:
        refused = far.run(
            "login", "home", stdin_text=f"{TOKEN}\n", ACTIONHERO_URL=other.url + "/api"
        )
    same = far.run("login", "home", stdin_text=f"{TOKEN}\n", ACTIONHERO_URL=far.url + "/")
    new = far.run("login", "new", stdin_text=f"{TOKEN}\n", ACTIONHERO_URL=far.url)

    assert (refused.code, other.requests) == (2, [])
    message = " ".join(refused.stderr.split())
    assert f"'home' is for {far.url}, and ACTIONHERO_URL is another server" in message
    assert f"{other.url}/api; select one of them with --url" in message
    assert (same.code, new.code) == (0, 0), (same, new)


def test_a_prompt_does_not_show_the_token(far: Far) -> None:
    """On a terminal."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "actionhero", "login", "--url", far.url],
        stdin=child,
        stdout=child,
        stderr=child,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(far.home),
            "ACTIONHERO_PLUGINS__ENABLED": "remote",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        },
        start_new_session=True,
    )
    os.close(child)
    shown = b""
    while b"Token: " not in shown:
        shown += os.read(parent, 1000)
    os.write(parent, f"{TOKEN}\n".encode())
    while True:
        try:
            shown += os.read(parent, 1000)
        except OSError:
            # The terminal is closed.
            break
    os.close(parent)

    assert process.wait(30) == 0, shown
    assert b"stored the profile 'default'" in shown
    assert TOKEN.encode() not in shown
    assert TOKEN in far.profiles.read_text()


def test_a_sign_in_stores_the_session(far: Far) -> None:
    """Of an action, whose inputs are JSON on stdin; the server may replace it."""
    inputs = {"email": "ada@example.com", "password": "s3cret pass"}
    sign_in = ("login", "ada", "--url", far.url, "--sign-in", "session:create")

    wrong = far.run(*sign_in, stdin_text=json.dumps({**inputs, "password": "x"}))
    login = far.run(*sign_in, stdin_text=json.dumps(inputs))
    me = far.run("--profile", "ada", "call", "book:me")
    listing = far.run("profiles")
    renew = far.run("--profile", "ada", "call", "session:renew")
    again = far.run("--profile", "ada", "call", "book:me")

    assert renew.code == 0, renew
    assert (again.code, again.stdout) == (me.code, me.stdout)
    assert wrong.code == 1
    assert "Invalid email or password" in wrong.stderr
    assert login.code == 0, login
    assert (me.code, me.stdout) == (0, '"ada@example.com"\n')
    assert "session" in listing.stdout
    assert "s3cret" not in login.stderr + far.profiles.read_text()


def test_a_session_that_cannot_be_stored_does_not_lose_the_result(far: Far) -> None:
    """The call has succeeded; the next one needs another login."""
    inputs = {"email": "ada@example.com", "password": "s3cret pass"}
    far.run(
        *("login", "ada", "--url", far.url, "--sign-in", "session:create"),
        stdin_text=json.dumps(inputs),
    )
    lock = far.profiles.with_suffix(".lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()

    renew = far.run("--profile", "ada", "call", "session:renew")

    assert (renew.code, renew.stdout) == (0, "{}\n")
    assert "warning: the new session is not stored: cannot write" in renew.stderr
    assert "hint: log in again with 'actionhero login ada'" in renew.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--url", "https://a.test", "--profile", "b", "actions"), "both select a server"),
        (("--url", "https://a.test", "--as-user", "7", "actions"), "--as-user concerns actions in"),
        (("--url", "https://a.test", "--app", "book", "call", "x"), "--app concerns actions in"),
        (
            ("--url", "https://a.test", "start"),
            "option --url is not supported by the command 'start'",
        ),
        (("--token", "x", "actions"), "--url or --profile is missing"),
        (("login",), "--url is missing"),
        (("login", "a/b", "--url", "https://a.test"), "'a/b' is not the name of a profile"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_contradictory_options(far: Far, arguments: tuple[str, ...], message: str) -> None:
    """They are invalid usage."""
    command = far.run(*arguments)

    assert (command.code, command.stdout) == (2, "")
    assert message in " ".join(command.stderr.split())


def test_other_commands_run_here_though_a_variable_is_set(far: Far) -> None:
    """The variable is for calls."""
    command = far.run("config", "app", ACTIONHERO_URL="https://host.invalid")

    assert command.code == 0, command


def test_a_variable_without_the_plugin_is_an_error(far: Far) -> None:
    """Otherwise the action would run here."""
    far.place.enabled = ["hello"]

    command = far.run("call", "hello", ACTIONHERO_URL="https://host.invalid")

    assert command.code == 78
    assert "ACTIONHERO_URL is set, but no plugin calls servers" in command.stderr


def test_invalid_settings_of_the_folder_do_not_matter(far: Far) -> None:
    """A server has settings of its own."""
    far.place.write("actionhero.toml", "no TOML")

    command = far.call("book:me")

    assert (command.code, command.stdout) == (0, '"anonymous"\n')
