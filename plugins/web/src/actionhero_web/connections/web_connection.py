"""`WebConnection`: the client of one HTTP request, with the facts of its log line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from aiohttp import web

from actionhero import Connection, Encoded
from actionhero_web.routes.request_target import split_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Outcome
    from actionhero.transport import RegisteredAction
    from actionhero_web.responses.response_formats import ResponseFormat
    from actionhero_web.routes.route_tree import Match
    from actionhero_web.routes.router import NoMatch

#: The longest path in a log line.
_MAX_PATH: Final = 200


class WebConnection(Connection):
    """The client of one HTTP request."""

    #: The format of responses, of a subclass for each server: an attribute of each connection
    #: would take time in every request.
    format: ClassVar[ResponseFormat]
    #: The prefix of the paths of actions.
    prefix: ClassVar[str]

    __slots__ = ("match",)

    #: The route, its action, and the parameters of the path; set before a call, and for a request
    #: with another method than those of the path.
    match: Match[RegisteredAction]

    @classmethod
    def of_server(cls, format: ResponseFormat, prefix: str) -> type[WebConnection]:
        """Return the class of the connections of a server."""
        return type(cls.__name__, (cls,), {"__slots__": (), "format": format, "prefix": prefix})

    def log_facts(self, outcome: Outcome) -> Mapping[str, Any]:
        """Return method, path and status of the request, without the query.

        A path with a secret parameter is that of the route, `/reset/{token}`. The status is that of
        the result, which the response to a conditional request or with a file may replace; `None`
        if the client has left before the end of the call.
        """
        path, _ = split_target(self.raw)
        match = getattr(self, "match", None)
        if match is not None and has_secret_path(match):
            path = self.prefix + match.route.path
        return {
            "method": self.raw.method,
            "path": path[:_MAX_PATH],
            "status": self._status(outcome, match),
        }

    def _status(self, outcome: Outcome, match: Match[RegisteredAction] | None) -> int | None:
        if outcome.error is not None:
            if outcome.cancelled and self.raw.transport is None:
                # The client has left, and receives no response.
                return None
            return self.format.status_of_error(outcome.error)
        value = outcome.value
        if type(value) is not dict and isinstance(value, web.StreamResponse):
            return value.status
        status = 200 if match is None else match.route.status
        if type(status) is int:
            return status
        if match is not None and type(value) is Encoded:
            value = match.target.outputs.decode(value.body)
        try:
            return self.format.status_of_result(status, value)
        except Exception:  # noqa: BLE001 - the author's function, whose error the response has
            return 500


def has_secret_path(match: Match[RegisteredAction]) -> bool:
    """Return whether a parameter of the path is a secret input."""
    return not match.target.inputs.sensitive_names.isdisjoint(match.parameters)


def match_of_other_method(no_match: NoMatch) -> Match[RegisteredAction] | None:
    """Return the match of a path with another method; one with a secret takes precedence."""
    return max(no_match.others, key=has_secret_path, default=None)
