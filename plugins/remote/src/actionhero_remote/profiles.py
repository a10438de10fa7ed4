"""`ProfileFile`: the profiles of servers, in a file of the user."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

import click

from actionhero import ConfigurationError
from actionhero.transport import FileLock
from actionhero_remote.credentials import Credential
from actionhero_remote.server_url import ServerUrl
from actionhero_remote.token_stores import (
    KeyringUnavailable,
    delete_from_keyring,
    load_from_keyring,
    store_in_keyring,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: How long to wait for another process that changes the file, perhaps while it asks the keyring.
_LOCK_SECONDS: Final = 30.0
_OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

Kind: TypeAlias = Literal["token", "session"]
Store: TypeAlias = Literal["keyring", "file"]


@dataclass(frozen=True)
class Profile:
    """A server, and the credentials for it."""

    name: str
    url: str
    ca_file: str | None = None
    allow_http: bool = False
    #: The kind of the credentials, and the name of the cookie.
    kind: Kind = "token"
    cookie: str = ""
    #: Where the secret is: `keyring` or `file`.
    store: Store = "file"
    #: The secret in the file.
    secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # The file may be edited by hand; its values are parts of headers.
        allow_http: Any = self.allow_http
        texts: tuple[Any, ...] = (self.url, self.ca_file or "")
        visible: tuple[Any, ...] = (self.cookie, self.secret or "")
        is_valid = (
            isinstance(allow_http, bool)
            and self.kind in get_args(Kind)
            and self.store in get_args(Store)
            and all(isinstance(text, str) for text in (*texts, *visible))
            and all(" " <= character <= "~" for text in visible for character in text)
        )
        if not is_valid:
            # Without its values, one of which is a secret.
            raise ValueError(f"the profile {self.name!r} has an invalid value")

    @property
    def server_url(self) -> ServerUrl:
        """The parsed URL."""
        return ServerUrl.parse(self.url, f"the URL of the profile {self.name!r}")

    @property
    def entry(self) -> str:
        """The name of the entry in the keyring, which holds for one server only."""
        return f"{self.name} {self.server_url.origin}"

    def credential(self) -> Credential:
        """Return the credentials.

        Raises:
            ConfigurationError: They are not there.
        """
        secret = load_from_keyring(self.entry) if self.store == "keyring" else self.secret
        if not secret:
            raise ConfigurationError(
                f"the profile {self.name!r} has no token in the {self.store}; log in again with "
                f"'actionhero login {self.name}'"
            )
        return Credential(secret, self.kind, self.cookie)


class ProfileFile:
    """The file `profiles.json`, which only its user can read.

    Args:
        path: The file; by default in the folder of the user for the settings of programs.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(click.get_app_dir("actionhero")) / "profiles.json"

    def all(self) -> list[Profile]:
        """Return the profiles, sorted by name."""
        return [Profile(name, **facts) for name, facts in sorted(self._read().items())]

    def get(self, name: str) -> Profile:
        """Return a profile.

        Raises:
            ConfigurationError: There is no such profile.
        """
        for profile in self.all():
            if profile.name == name:
                return profile
        known = ", ".join(profile.name for profile in self.all()) or "none"
        raise ConfigurationError(
            f"unknown profile {name!r}; available: {known}. Create it with 'actionhero login "
            f"{name} --url https://…'"
        )

    def find(self, name: str) -> Profile | None:
        """Return a profile, or `None`."""
        return next((profile for profile in self.all() if profile.name == name), None)

    def save(self, profile: Profile, secret: str) -> tuple[Profile, str]:
        """Store a profile and its secret, if possible in the keyring.

        Returns:
            The stored profile, and the reason if the keyring is not used.
        """
        reason = ""
        facts = {"kind": profile.kind, "cookie": profile.cookie}
        base = {"url": profile.url, "ca_file": profile.ca_file, "allow_http": profile.allow_http}
        with self._locked() as profiles:
            previous = profiles.get(profile.name)
            try:
                store_in_keyring(profile.entry, secret)
                place: dict[str, Any] = {"store": "keyring"}
            except KeyringUnavailable as error:
                reason = str(error)
                place = {"store": "file", "secret": secret}
            profiles[profile.name] = {**base, **facts, **place}
            stored = Profile(profile.name, **profiles[profile.name])
            if previous is not None and previous.get("store") == "keyring":
                old = Profile(profile.name, **previous)
                if old.entry != stored.entry or stored.store == "file":
                    delete_from_keyring(old.entry)
        return stored, reason

    def remove(self, name: str) -> None:
        """Remove a profile with its credentials.

        Raises:
            ConfigurationError: There is no such profile.
        """
        profile = self.get(name)
        with self._locked() as profiles:
            profiles.pop(name, None)
        if profile.store == "keyring":
            delete_from_keyring(profile.entry)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[dict[str, Any]]:
        """Change the profiles: no other process does so at the same time."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(self.path.with_suffix(".lock"))
            if not lock.wait(_LOCK_SECONDS):
                raise ConfigurationError(
                    f"another process changes {str(self.path)!r}; try again, or end it"
                )
            try:
                profiles = self._read()
                yield profiles
                self._write(profiles)
            finally:
                lock.release()
        except OSError as error:
            raise ConfigurationError(f"cannot write {str(self.path)!r}: {error.strerror}") from None

    def _read(self) -> dict[str, Any]:
        try:
            text = self.path.read_text("utf-8")
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"cannot read {str(self.path)!r}: {error}") from None
        if mode & _OPEN_TO_OTHERS and sys.platform != "win32":
            raise ConfigurationError(
                f"{str(self.path)!r} contains tokens, and other users have access to it (mode "
                f"{stat.S_IMODE(mode):o}); run: chmod 600 {self.path}"
            )
        try:
            profiles = json.loads(text)
            for name, facts in profiles.items():
                Profile(name, **facts)
        except (ValueError, TypeError, AttributeError):
            raise ConfigurationError(
                f"{str(self.path)!r} is not a file of profiles; remove it, and log in again"
            ) from None
        return dict(profiles)

    def _write(self, profiles: dict[str, Any]) -> None:
        """Replace the file at once; the new one is never open to others."""
        target = self.path.resolve()
        # `mkstemp` creates files with mode 600.
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".profiles-")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(profiles, file, indent=2, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def check_name(name: str) -> str:
    """Return the name of a profile.

    Raises:
        click.BadParameter: It is not valid.
    """
    if not _NAME.fullmatch(name):
        raise click.BadParameter(
            f"{name!r} is not the name of a profile: letters, digits, '.', '_' and '-'",
            param_hint="'NAME'",
        )
    return name
