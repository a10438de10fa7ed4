"""The validation of inputs, which collects about as many errors as are reported."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from actionhero.inputs.bounded_errors import with_first_errors, with_integers, with_one_error
from actionhero.inputs.error_estimates import Detail, ErrorEstimate
from actionhero.inputs.unsupported import MAX_PROBLEMS
from actionhero.inputs.validators import MixedValidator, TextValidator, validator_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero.inputs.core_schemas import CoreSchema


class Validators:
    """The validators of a core schema of inputs, by source. Those with texts are built on demand.

    Args:
        schema: The core schema.
        validator: Its validator, if there is one.
        is_open: Whether inputs with undeclared names are validated.
    """

    def __init__(self, schema: CoreSchema, validator: Any = None, *, is_open: bool) -> None:
        validator = validator_of(schema) if validator is None else validator
        self.json: Callable[..., Any] = validator.validate_json
        self.python: Callable[..., Any] = validator.validate_python
        self._schema = schema
        self._is_open = is_open

    @cached_property
    def text(self) -> TextValidator:
        """The validator of texts."""
        # Built with the first text: an application that starts has no use for it yet.
        return TextValidator(self._schema)

    @cached_property
    def mixed(self) -> MixedValidator:
        """The validator of texts beside JSON."""
        return MixedValidator(self._schema, is_open=self._is_open)


class Validation:
    """Validates inputs.

    Args:
        schema: The core schema.
        validator: Its validator, if there is one.
        is_open: Whether inputs with undeclared names are validated.
    """

    def __init__(self, schema: CoreSchema, validator: Any = None, *, is_open: bool) -> None:
        self._schema = schema
        self._is_open = is_open
        #: The validators that collect all errors.
        self.usual = Validators(schema, validator, is_open=is_open)

    @cached_property
    def small_length(self) -> int:
        """The length of JSON documents whose errors may all be collected."""
        return self._estimate.small_length

    @cached_property
    def fail_fast(self) -> Validators:
        """The validators of inputs of any size, whose errors are not reported."""
        return self._validators(with_one_error(self._schema))

    def validate(
        self, values: Mapping[str, Any], validate: Callable[[Validators, Any], Any]
    ) -> Any:
        """Return validated inputs.

        Args:
            values: The inputs.
            validate: Validates inputs with validators.

        Raises:
            ValidationError: They are invalid. If they may have too many errors, it contains the
                first of each list or other container.
        """
        if self.small_length < sys.maxsize:
            # As fast as the usual validators, so that only invalid inputs are measured.
            try:
                return validate(self.fail_fast, values)
            except ValidationError:
                detail = self._estimate.detail(values)
            return self._validate_again(values, validate, detail)
        try:
            return validate(self.usual, values)
        except ValidationError as error:
            if error.error_count() <= MAX_PROBLEMS:
                raise
        return self._validate_again(values, validate, Detail.FIRST)

    def _validate_again(
        self,
        values: Mapping[str, Any],
        validate: Callable[[Validators, Any], Any],
        detail: Detail,
    ) -> Any:
        """Validate inputs with fewer errors, until they are not more than are reported."""
        if detail is Detail.ONE:
            return validate(self._with_one_error, values)
        validators = self.usual if detail is Detail.ALL else self._with_first_errors
        try:
            return validate(validators, values)
        except ValidationError as error:
            if error.error_count() <= MAX_PROBLEMS:
                raise
        return self._validate_again(values, validate, Detail(detail + 1))

    @cached_property
    def _estimate(self) -> ErrorEstimate:
        return ErrorEstimate(self._schema)

    @cached_property
    def _with_first_errors(self) -> Validators:
        return self._validators(with_integers(with_first_errors(self._schema)))

    @cached_property
    def _with_one_error(self) -> Validators:
        return self._validators(with_integers(with_one_error(self._schema)))

    def _validators(self, schema: CoreSchema) -> Validators:
        return Validators(schema, is_open=self._is_open)
