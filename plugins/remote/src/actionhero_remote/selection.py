"""`ServerSelection`: the server and the credentials that options and variables select."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from actionhero_remote.client import RemoteServer
from actionhero_remote.credentials import Credential
from actionhero_remote.profiles import ProfileFile
from actionhero_remote.server_url import ServerUrl

if TYPE_CHECKING:
    from actionhero_remote.profiles import Profile

#: Options before the command that concern actions in this process.
_LOCAL_OPTIONS = ("app", "as_user", "set", "settings")


@dataclass(frozen=True)
class ServerSelection:
    """A server and the credentials for it."""

    url: ServerUrl
    credential: Credential | None
    ca_file: str | None
    allow_http: bool
    #: The name of the profile; `None` without one.
    profile: str | None

    def connect(self) -> RemoteServer:
        """Return the connection with the server, which is not open yet."""
        return RemoteServer(
            self.url, self.credential, ca_file=self.ca_file, allow_http=self.allow_http
        )

    def store(self, credential: Credential | None) -> None:
        """Store other credentials in the profile, if there is one."""
        if self.profile is not None and credential is not None:
            profiles = ProfileFile()
            profiles.save(profiles.get(self.profile), credential.value)

    @property
    def login_hint(self) -> str:
        """The advice for a caller that the server does not know."""
        if self.profile is not None:
            return f"log in again with 'actionhero login {self.profile}'"
        return (
            f"log in with 'actionhero login NAME --url {self.url}', and use --profile NAME; or set "
            "ACTIONHERO_TOKEN"
        )


def selected_server(context: click.Context) -> ServerSelection:
    """Return the server that the options before the command select, always the same one.

    Args:
        context: The context of a command of `actionhero`.

    Raises:
        click.UsageError: The options contradict each other.
        ConfigurationError: A value is invalid.
    """
    selection: ServerSelection | None = context.meta.get("server_selection")
    if selection is None:
        # The token may be on stdin, or the keyring ask for a password.
        selection = context.meta["server_selection"] = _select(context.find_root())
    return selection


def _select(root: click.Context) -> ServerSelection:
    params = root.params
    for name in _LOCAL_OPTIONS:
        if _is_on_command_line(root, name):
            option = "--" + name.replace("_", "-")
            raise click.UsageError(f"{option} concerns actions in this process, not on a server")
    profile = _selected_profile(root)
    if profile is not None:
        url = profile.server_url
        ca_file = params.get("ca_file") or profile.ca_file
        allow_http = bool(params.get("allow_http")) or profile.allow_http
    else:
        if not params.get("url"):
            raise click.UsageError("--url or --profile is missing")
        source = "--url" if _is_on_command_line(root, "url") else "ACTIONHERO_URL"
        url = ServerUrl.parse(params["url"], source)
        ca_file, allow_http = params.get("ca_file"), bool(params.get("allow_http"))
    credential = _token(root, url)
    if credential is None and profile is not None:
        credential = profile.credential()
    return ServerSelection(
        url, credential, ca_file, allow_http, None if profile is None else profile.name
    )


def _selected_profile(root: click.Context) -> Profile | None:
    names = [name for name in ("url", "profile") if root.params.get(name)]
    if len(names) == 2:
        # An option overrides the variable of the other one.
        names = [name for name in names if _is_on_command_line(root, name)]
        if len(names) != 1:
            how = (
                "the options --url and --profile"
                if names
                else ("the variables ACTIONHERO_URL and ACTIONHERO_PROFILE")
            )
            raise click.UsageError(f"{how} both select a server; use one of them")
    return ProfileFile().get(root.params["profile"]) if names == ["profile"] else None


def _token(root: click.Context, url: ServerUrl) -> Credential | None:
    """Return the token of the option, or of the variable if that is for this server."""
    token: Any = root.params.get("token")
    if token is None:
        return None
    if not _is_on_command_line(root, "token"):
        other = os.environ.get("ACTIONHERO_URL")
        if other and ServerUrl.parse(other, "ACTIONHERO_URL").origin != url.origin:
            return None
        return Credential.token(token, "ACTIONHERO_TOKEN")
    return Credential.token(sys.stdin.readline() if token == "-" else token, "--token")  # noqa: S105


def _is_on_command_line(root: click.Context, name: str) -> bool:
    return root.get_parameter_source(name) is ParameterSource.COMMANDLINE
