"""The types of aiohttp's responses, which actions can return or raise."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from actionhero import RunMode

if TYPE_CHECKING:
    from actionhero import Application


def response_types(app: Application) -> list[type]:
    """Return the classes of aiohttp's responses.

    On the command line, which does not need aiohttp, this does not import it.
    """
    if app.mode is RunMode.CLI:
        return [_LazyStreamResponse, _LazyHTTPException]
    from aiohttp import web  # noqa: PLC0415 - see above

    return [web.StreamResponse, web.HTTPException]


class _LazyType(type):
    """A class that stands for one of aiohttp in `isinstance`, without the import of aiohttp."""

    module_name: str
    type_name: str

    def __instancecheck__(cls, instance: object) -> bool:
        # Before aiohttp is imported, there are no responses.
        module = sys.modules.get(cls.module_name)
        return isinstance(instance, getattr(module, cls.type_name, ()))


class _LazyStreamResponse(metaclass=_LazyType):
    module_name = "aiohttp.web_response"
    type_name = "StreamResponse"


class _LazyHTTPException(Exception, metaclass=_LazyType):
    module_name = "aiohttp.web_exceptions"
    type_name = "HTTPException"
