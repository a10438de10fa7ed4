"""The errors of the settings that show only when keys are read, or the database is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_auth.api_keys.activation import has_database
from actionhero_auth.settings import AuthSettings

if TYPE_CHECKING:
    from actionhero import Application


def settings_errors(app: Application) -> list[str]:
    """Return the reasons why the application cannot authenticate as its settings say."""
    if app.has_invalid_settings:
        return []
    settings = app.get(AuthSettings)
    errors = []
    if settings.api_keys and not has_database(app):
        errors.append(
            "auth.api_keys is true, and actionhero-db, which stores them, is not installed or not "
            "enabled; pip install actionhero-auth[keys], or set ACTIONHERO_AUTH__API_KEYS=false"
        )
    for number, issuer in enumerate(settings.issuers):
        if issuer.key is None:
            continue
        from actionhero_auth.tokens.key_import import import_static  # noqa: PLC0415 - slow

        try:
            import_static(issuer)
        except ValueError as error:
            errors.append(
                f"auth.issuers[{number}].key, of {issuer.issuer}: {error}; it must be a public "
                f"key as PEM, or a JWK or JWKS as JSON, for {', '.join(issuer.algorithms)}"
            )
    return errors
