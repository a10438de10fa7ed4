"""The page of errors and exit codes in the reference, generated from the error mapping."""

from __future__ import annotations

from page_parts import table

import actionhero
from actionhero import ErrorType, LifecycleError, TypedError, cli
from actionhero_web.responses.error_mapping import ERROR_MAPPINGS


def errors_page() -> str:
    """Return the page of all error types with their statuses and exit codes."""
    classes = {error.default_type: error for error in error_classes() if error is not TypedError}
    rows = []
    for type_ in ErrorType:
        mapping = ERROR_MAPPINGS[type_]
        error = classes.get(type_)
        other_name = mapping.actionhero_name
        suffix = "" if other_name is None else f" `{other_name.value}`"
        rows.append(
            (
                f"`{type_.value}`",
                f"`{error.__name__}`" if error else "",
                mapping.title,
                str(mapping.status),
                f"{mapping.actionhero_status}{suffix}",
                str(cli.exit_code(type_)),
            )
        )
    meanings = (
        ("0", "Success: the action returned a value, or the server shut down."),
        (str(cli.EXIT_FAILED), "The action failed, or a check of `doctor` failed."),
        (str(cli.EXIT_USAGE), "Usage error: an unknown command, option or action."),
        (str(cli.EXIT_DATA), "The inputs are invalid."),
        (str(cli.EXIT_UNAVAILABLE), "A service that the action needs is unavailable."),
        (
            str(LifecycleError.exit_code),
            "An initializer or a server failed to start, or to stop in time.",
        ),
        (str(cli.EXIT_OUTPUT), "The output could not be written: for example, the disk is full."),
        (
            str(cli.EXIT_CONFIGURATION),
            "The settings or plugins are invalid, or the port is in use.",
        ),
        (
            "130, 143",
            "Ended immediately by a second SIGINT or SIGTERM; a call by the first one.",
        ),
    )
    return "\n".join(
        [
            "# Errors and exit codes",
            "",
            "Each failed call has an error type.",
            "HTTP maps it to a status, the command line to an exit code.",
            "",
            "## Types",
            "",
            "To report a failure, raise the class, or `TypedError(message, type=ErrorType.…)`.",
            "`web.error_format` selects the statuses: `standard`, or `actionhero` for clients that",
            "were written for earlier ActionHero servers.",
            "With `actionhero`, some types have a different name, shown after the status.",
            "Validation errors of inputs are always an `InvalidInput` with the type",
            "`CONNECTION_ACTION_PARAM_REQUIRED`.",
            "",
            table(
                ("Type", "Class", "Title", "`standard`", "`actionhero`", "Exit code"),
                rows,
            ),
            "",
            "## Exit codes",
            "",
            table(("Code", "Meaning"), meanings),
            "",
        ]
    )


def error_classes() -> list[type[TypedError]]:
    """Return `TypedError` and its public subclasses, by name."""
    values = (getattr(actionhero, name) for name in sorted(actionhero.__all__))
    return [value for value in values if isinstance(value, type) and issubclass(value, TypedError)]
