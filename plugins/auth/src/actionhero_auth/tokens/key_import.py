"""The keys of an issuer that may verify signatures, of the settings or of a JWKS document."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any, Final

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, Key, OctKey, OKPKey, RSAKey

from actionhero_auth.settings import KEY_TYPES

if TYPE_CHECKING:
    from actionhero_auth.settings import IssuerSettings

#: The largest number of keys of an issuer.
MAX_KEYS: Final = 100
#: The shortest RSA key (RFC 7518 §3.3).
MIN_RSA_BITS: Final = 2048
#: The classes by key type.
_CLASSES: Final[dict[str, type[Any]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey, "oct": OctKey}
#: The curves by algorithm (RFC 7518 §3.4).
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "Ed25519": "Ed25519"}


def import_static(settings: IssuerSettings) -> list[Key]:
    """Return the keys of the setting `key`.

    Raises:
        ValueError: There is no key for the algorithms.
    """
    assert settings.key is not None  # noqa: S101 - the caller has checked it
    text = settings.key.get_secret_value().strip()
    [key_type, *others] = sorted(settings.key_types)
    if text.startswith("{"):
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            # Without its cause, which contains the key.
            raise ValueError(f"it is no valid JSON: {error.msg}") from None
        keys = import_jwks(document if "keys" in document else {"keys": [document]}, settings)
    elif others:
        raise ValueError("it has one type, and algorithms are of several; remove others")
    else:
        try:
            keys = [_import(text, key_type)]
        except (JoseError, ValueError, TypeError):
            raise ValueError(f"it is no {key_type} key") from None
        keys = [key for key in keys if _is_strong(key)]
    if not keys:
        raise ValueError("it has no key for the algorithms, or only short ones")
    return keys


def import_jwks(document: dict[str, Any], settings: IssuerSettings) -> list[Key]:
    """Return the keys of a JWKS document (RFC 7517 §5) that may verify signatures.

    Keys of other types, for encryption, or too weak are left out. A shared secret is used only if
    it is in the settings, never if it is fetched.

    Raises:
        ValueError: It is no such document.
    """
    items = document.get("keys")
    if not isinstance(items, list):
        raise ValueError("it has no list 'keys'")
    keys: list[Key] = []
    for item in items[:MAX_KEYS]:
        if not isinstance(item, dict) or item.get("use", "sig") != "sig":
            continue
        # Perhaps of a type that has no hash: others of the document are valid.
        if item.get("kty") not in tuple(settings.key_types):
            continue
        # Of a private key that is published by mistake, only the public part is used.
        private = {"d", "p", "q", "dp", "dq", "qi"}
        try:
            key = _import({name: item[name] for name in item if name not in private})
        except (JoseError, ValueError, TypeError, KeyError, OverflowError):
            continue
        if _is_strong(key):
            keys.append(key)
    return keys


def matching(keys: list[Key], kid: str | None, algorithm: str) -> list[Key]:
    """Return the keys that may have signed a token with a key identifier and an algorithm."""
    return [
        key
        for key in keys
        if (kid is None or key.kid is None or key.kid == kid)
        and isinstance(key, _CLASSES[KEY_TYPES[algorithm[:2]]])
        and key.alg in (None, algorithm)
        and _CURVES.get(algorithm) in (None, key.get("crv"))
    ]


def _import(data: Any, key_type: str | None = None) -> Key:
    with warnings.catch_warnings():
        # Of short keys, which are left out, or are an error.
        warnings.simplefilter("ignore", SecurityWarning)
        return JWKRegistry.import_key(data, key_type)


def _is_strong(key: Key) -> bool:
    return not isinstance(key, RSAKey) or key.raw_value.key_size >= MIN_RSA_BITS
