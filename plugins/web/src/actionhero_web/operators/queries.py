"""`read_all`: the results of the queries that a page of operators sends in one request."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from actionhero import InvalidInput, MalformedRequest, Timeout, TypedError
from actionhero.transport import dumps, error_document, loads, request_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from actionhero import Application

    Read = Callable[[str, dict[str, Any]], Awaitable[Any]]

logger = logging.getLogger("actionhero.web")

#: How long a query may take.
READ_SECONDS: Final = 2.0
#: The number of queries in one request.
MAX_READS: Final = 20


async def read_all(app: Application, query: Mapping[str, str], read: Read) -> bytes:
    """Return the results of queries as JSON, each of which may fail without the others.

    Args:
        app: The application.
        query: By `panel.read`, the inputs as JSON.
        read: Returns the result of a query with inputs.

    Raises:
        InvalidInput: There are too many.
    """
    names = list(dict.fromkeys(query))
    if len(names) > MAX_READS:
        raise InvalidInput(f"there are more than {MAX_READS} queries")
    results = await asyncio.gather(*(_read_one(app, name, query[name], read) for name in names))
    members = [dumps(name) + b":" + result for name, result in zip(names, results, strict=True)]
    return b'{"results":{' + b",".join(members) + b"}}"


async def _read_one(app: Application, name: str, text: str, read: Read) -> bytes:
    failure: TypedError | None
    try:
        async with asyncio.timeout(READ_SECONDS):
            inputs = loads(text.encode()) if text else {}
            if not isinstance(inputs, dict):
                raise MalformedRequest("the inputs must be a JSON object")
            # A result that is not JSON is an error of this query only.
            return dumps({"value": await read(name, inputs)})
    except TypedError as error:
        failure = error
    except TimeoutError:
        failure = Timeout(f"no answer within {READ_SECONDS:g} s")
    except Exception as error:
        failure = app.pipeline.translated(error)
        if failure is None:
            logger.exception("the query %r of operators has failed", name)
            failure = TypedError("The query has failed; the log has the reason")
    milliseconds = int(time.time() * 1000)
    return dumps(error_document(failure, timestamp_ms=milliseconds, request_id=request_id.get()))
