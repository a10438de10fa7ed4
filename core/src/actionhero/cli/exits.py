"""The command line's own table: from types of failure to exit codes (sysexits.h)."""

from __future__ import annotations

from actionhero.errors import ErrorType

FAILED = 1
USAGE = 2
DATA = 65
UNAVAILABLE = 69
CONFIGURATION = 78

_CODES = {
    ErrorType.ACTION_NOT_FOUND: USAGE,
    ErrorType.PARAM_REQUIRED: DATA,
    ErrorType.PARAM_DEFAULT: DATA,
    ErrorType.PARAM_VALIDATION: DATA,
    ErrorType.PARAM_FORMATTING: DATA,
    ErrorType.CHANNEL_VALIDATION: DATA,
    ErrorType.REQUEST_MALFORMED: DATA,
    ErrorType.SERVICE_UNAVAILABLE: UNAVAILABLE,
    ErrorType.CONFIG_ERROR: CONFIGURATION,
}


def exit_code(type_: ErrorType) -> int:
    """Return the exit code that tells a failure of `type_`."""
    return _CODES.get(type_, FAILED)
