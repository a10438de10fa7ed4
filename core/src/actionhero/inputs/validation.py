"""The validation of inputs, which collects about as many errors as are reported."""

from __future__ import annotations

import sys
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from actionhero.inputs.bounded_errors import (
    with_declared_names,
    with_first_errors,
    with_integers,
    with_one_error,
    with_unlisted_names,
)
from actionhero.inputs.core_schemas import has_functions
from actionhero.inputs.error_estimates import Detail, ErrorEstimate
from actionhero.inputs.unsupported import MAX_PROBLEMS
from actionhero.inputs.validators import MixedValidator, TextValidator, validator_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero.inputs.core_schemas import CoreSchema

#: The containers of parsed JSON.
_CONTAINERS: Final = frozenset({dict, list})


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

    def is_small(self, document: bytes) -> bool:
        """Return whether a document of any length is validated once, for its functions."""
        return self._has_functions and self._estimate.is_small(document)

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
        if self._has_functions:
            validate = partial(_validate_copy, validate)
        # Functions are called once if possible, as they may have effects.
        if self.small_length == sys.maxsize or (
            self._has_functions and self._estimate.detail(values) is Detail.ALL
        ):
            try:
                return validate(self.usual, values)
            except ValidationError as error:
                if error.error_count() <= MAX_PROBLEMS:
                    raise
            return self._validate_for_errors(values, validate, Detail.FIRST)
        # As fast as the usual validators. Without functions, only invalid inputs are measured.
        try:
            return validate(self.fail_fast, values)
        except ValidationError:
            detail = self._estimate.detail(values)
        return self._validate_for_errors(values, validate, detail)

    def _validate_for_errors(
        self,
        values: Mapping[str, Any],
        validate: Callable[[Validators, Any], Any],
        detail: Detail,
    ) -> Any:
        """Validate inputs, again with fewer errors if they are more than are reported."""
        if detail is Detail.ONE:
            # The errors of other values are reported before those of undeclared names.
            validate(self._with_declared_names, values)
            return validate(self._with_unlisted_names, values)
        validators = self.usual if detail is Detail.ALL else self._with_first_errors
        try:
            return validate(validators, values)
        except ValidationError as error:
            if error.error_count() <= MAX_PROBLEMS:
                raise
        return self._validate_for_errors(values, validate, Detail(detail + 1))

    @cached_property
    def _has_functions(self) -> bool:
        return has_functions(self._schema)

    @cached_property
    def _estimate(self) -> ErrorEstimate:
        return ErrorEstimate(self._schema)

    @cached_property
    def _with_first_errors(self) -> Validators:
        return self._validators(with_integers(with_first_errors(self._schema)))

    @cached_property
    def _with_declared_names(self) -> Validators:
        return self._validators(with_integers(with_declared_names(self._schema)))

    @cached_property
    def _with_unlisted_names(self) -> Validators:
        return self._validators(with_integers(with_unlisted_names(self._schema)))

    def _validators(self, schema: CoreSchema) -> Validators:
        return Validators(schema, is_open=self._is_open)


def _validate_copy(validate: Callable[[Validators, Any], Any], validators: Any, values: Any) -> Any:
    """Validate a copy: a validator of an author may change its argument."""
    return validate(validators, _copied(dict(values)))


def _copied(values: Any) -> Any:
    """Return a copy of the containers of parsed JSON; other values stay the same."""
    is_object = type(values) is dict
    if _CONTAINERS.isdisjoint(map(type, values.values() if is_object else values)):
        return values.copy()
    if is_object:
        return {
            name: _copied(value) if type(value) in _CONTAINERS else value
            for name, value in values.items()
        }
    return [_copied(value) if type(value) in _CONTAINERS else value for value in values]
