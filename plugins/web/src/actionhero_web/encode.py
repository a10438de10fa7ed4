"""The third stage: `ResponseEncoder` encodes outcomes and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from actionhero import Encoded
from actionhero.transport import outcome_value
from actionhero_web.responses.challenge import CHALLENGE
from actionhero_web.responses.encoded_response import (
    JSON,
    VARY_BY_ACCEPT,
    EncodedResponse,
    Headers,
)
from actionhero_web.responses.http_error import HttpError
from actionhero_web.responses.native_response import check_native_response
from actionhero_web.responses.negotiation import preferred_media_type
from actionhero_web.responses.response_formats import PROBLEM_DETAILS, PROBLEM_JSON
from actionhero_web.routes.route import STATUSES_WITHOUT_BODY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Outcome
    from actionhero.transport import Pipeline
    from actionhero_web.request_context import CallContext, RequestContext
    from actionhero_web.responses.challenge import Challenge
    from actionhero_web.responses.encoder import BodyEncoder
    from actionhero_web.responses.response_formats import ResponseFormat

#: The media types of errors that need no plugin, the default first.
ERROR_TYPES = (JSON, PROBLEM_JSON)


class ResponseEncoder:
    """Encodes responses.

    Args:
        format: The format of clients that accept no other.
        pipeline: Logs results that cannot be encoded.
        encoders: The encoders of plugins, by media type.
        challenge: The challenge of refused credentials.
    """

    def __init__(
        self,
        format: ResponseFormat,
        pipeline: Pipeline,
        encoders: Mapping[str, BodyEncoder],
        challenge: Challenge,
    ) -> None:
        #: The format of clients that accept no other.
        self.format = format
        self._pipeline = pipeline
        self._encoders = encoders
        self._challenge = challenge
        self._result_types = (JSON, *encoders)
        self._error_types = (*ERROR_TYPES, *encoders)

    def encode(
        self, context: CallContext, outcome: Outcome
    ) -> EncodedResponse | web.StreamResponse:
        """Return the response for the outcome of a call.

        A response of aiohttp's own class, which the action has returned, gets the cookie.
        """
        headers = context.connection.response_headers or ()
        if outcome.error is not None:
            return self.encode_error(context, outcome, headers)
        value = outcome.value
        try:
            # The base class of responses is an abstract one, so `isinstance` takes long.
            if type(value) is not dict and isinstance(value, web.StreamResponse):
                check_native_response(context.request, value)
                for name, text in () if value.prepared else headers:
                    value.headers.add(name, text)
                return value
            media_type = JSON
            if self._encoders:
                media_type = self._preferred(context, self._result_types)
                headers = (*headers, *VARY_BY_ACCEPT)
            if media_type == JSON:
                body = self.format.dump_result(outcome)
            else:
                body = self._encoders[media_type].encode(outcome_value(outcome))
            status = context.match.route.status
            if type(status) is not int:
                if type(value) is Encoded:
                    value = context.match.target.outputs.decode(value.body)
                status = self.format.status_of_result(status, value)
        except BaseException as error:  # noqa: BLE001 - the author's serializers and functions
            failed = self._pipeline.encoding_error_outcome(context.match.target.name, error)
            return self.encode_error(context, failed, context.connection.response_headers or ())
        if status in STATUSES_WITHOUT_BODY:
            return EncodedResponse(status, b"", "", headers)
        return EncodedResponse(status, body, media_type, headers)

    def encode_error(
        self, context: RequestContext, outcome: Outcome, headers: Headers = ()
    ) -> EncodedResponse:
        """Return the response for a failure, in the format that the client accepts.

        Args:
            context: The request.
            outcome: The failure.
            headers: The headers of the response.
        """
        error = outcome.error
        assert error is not None  # noqa: S101 - only called for a failure
        media_type = self._preferred(context, self._error_types)
        format = PROBLEM_DETAILS if media_type == PROBLEM_JSON else self.format
        status = format.status_of_error(error)
        headers = (*headers, *VARY_BY_ACCEPT)
        if isinstance(error, HttpError):
            headers = (*headers, *error.headers)
        if error.retry_after_seconds is not None or status == 503:
            headers = (*headers, ("Retry-After", str(error.retry_after_seconds or 1)))
        if error.challenge:
            headers = (*headers, (CHALLENGE, self._challenge.of(error.challenge)))
        document = format.error_document(error, request_id=context.request_id, stack=outcome.stack)
        encoder = self._encoders.get(media_type)
        body = format.dump(document) if encoder is None else encoder.encode(document)
        return EncodedResponse(status, body, media_type, headers)

    def _preferred(self, context: RequestContext, media_types: tuple[str, ...]) -> str:
        headers = context.request.headers
        # Those of a request that cannot be parsed are an empty dictionary.
        if hdrs.ACCEPT not in headers:
            return media_types[0]
        return preferred_media_type(",".join(headers.getall(hdrs.ACCEPT)), media_types)
