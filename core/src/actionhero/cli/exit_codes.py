"""The exit codes of the command line (sysexits.h), and those of error types."""

from __future__ import annotations

from actionhero.errors import ErrorType

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_DATA = 65
EXIT_UNAVAILABLE = 69
EXIT_CONFIGURATION = 78

_CODES = {
    ErrorType.ACTION_NOT_FOUND: EXIT_USAGE,
    ErrorType.PARAM_REQUIRED: EXIT_DATA,
    ErrorType.PARAM_DEFAULT: EXIT_DATA,
    ErrorType.PARAM_VALIDATION: EXIT_DATA,
    ErrorType.PARAM_FORMATTING: EXIT_DATA,
    ErrorType.CHANNEL_VALIDATION: EXIT_DATA,
    ErrorType.REQUEST_MALFORMED: EXIT_DATA,
    ErrorType.SERVICE_UNAVAILABLE: EXIT_UNAVAILABLE,
    ErrorType.CONFIG_ERROR: EXIT_CONFIGURATION,
}


def exit_code(type_: ErrorType) -> int:
    """Return the exit code of an error type."""
    return _CODES.get(type_, EXIT_FAILED)
