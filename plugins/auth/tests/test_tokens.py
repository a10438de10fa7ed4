"""Tokens of other issuers: the principal of valid ones, and the refusal of all others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwk, jwt
from joserfc.jws import JWSRegistry
from plugins.auth.tests.conftest import AUDIENCE, caller, club, issuer_settings, issuers

from actionhero import BootError, SignInRequired

if TYPE_CHECKING:
    from plugins.auth.tests.conftest import Issuer


def encode(part: Any) -> str:
    """Return a part of a token."""
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


async def test_a_token_identifies_its_user(issuer: Issuer) -> None:
    """With the scopes, permissions and roles of its claims, and without a database."""
    settings = issuer_settings(
        issuer, permissions_claim="https://club.example/may", roles_claim="realm_access.roles"
    )
    roles = {"ACTIONHERO_AUTH__ROLES": '{"host": ["close", "open"]}'}
    async with club(None, **issuers(settings), **roles) as app:
        token = issuer.token(
            None,
            None,
            **{"https://club.example/may": ["sing"]},
            realm_access={"roles": ["host", "unknown"]},
            jti="t1",
        )
        client = caller(app, token)

        assert await client.call("who") == {
            "user": "ada", "kind": "user", "method": "bearer", "scopes": ["read", "write"],
            "permissions": ["close", "open", "sing"], "id": f"{issuer.url}#t1",
        }  # fmt: skip
        assert await client.call("read") == "text"
        assert await client.call("close") == "closed"
        plain = await caller(app, issuer.token()).call("who")
        assert plain["permissions"] == []
        assert len(plain["id"]) == 32
        principal = await app.app.pipeline.identify(client.connection)
        assert principal is not None
        assert principal.claims["jti"] == "t1"
        assert AUDIENCE not in repr(principal)


@pytest.mark.parametrize(
    ("settings", "claims", "expected"),
    [
        ({"user_prefix": "corp:"}, {}, {"user": "corp:ada"}),
        ({"user_claim": "uid"}, {"uid": 7}, {"user": 7}),
        ({"user_claim": "account.id"}, {"account": {"id": "x"}}, {"user": "x"}),
        ({}, {"client_id": "ada"}, {"kind": "service"}),
        ({"user_claim": "uid"}, {"uid": 7, "sub": None}, {"kind": "user"}),
        ({}, {"scope": ["a", "b"]}, {"scopes": ["a", "b"]}),
        ({}, {"scope": None}, {"scopes": []}),
        ({}, {"scope": 7}, {"scopes": []}),
        ({"scopes_claim": "scp"}, {"scp": "c"}, {"scopes": ["c"]}),
        ({"scopes_claim": ""}, {}, {"scopes": None}),
        ({}, {"aud": ["https://other.example", AUDIENCE]}, {"user": "ada"}),
        ({}, {"exp": 10**400}, {"user": "ada"}),
    ],
    ids=[
        "prefix", "number", "nested", "service", "no client", "list", "without", "no text", "scp",
        "unlimited", "audiences", "far expiry",
    ],
)  # fmt: skip
async def test_claims_are_read_as_the_settings_say(
    issuer: Issuer, settings: dict[str, Any], claims: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Without scopes, a token has none; not all of them."""
    async with club(None, **issuers(issuer_settings(issuer, **settings))) as app:
        who = await caller(app, issuer.token(**claims)).call("who")
    assert {name: who[name] for name in expected} == expected


REFUSED_CLAIMS: dict[str, dict[str, Any]] = {
    "no exp": {"exp": None},
    "expired": {"exp": int(time.time()) - 60},
    "exp text": {"exp": "never"},
    "exp nan": {"exp": float("nan")},
    "exp true": {"exp": True},
    "not yet valid": {"nbf": int(time.time()) + 3600},
    "issued later": {"iat": int(time.time()) + 3600},
    "no aud": {"aud": None},
    "other aud": {"aud": "https://other.example"},
    "no aud in list": {"aud": []},
    "aud object": {"aud": {"aud": AUDIENCE}},
    "no iss": {"iss": None},
    "other iss": {"iss": "https://other.example"},
    "iss list": {"iss": ["https://other.example"]},
    "no sub": {"sub": None},
    "empty sub": {"sub": ""},
    "sub object": {"sub": {"id": 1}},
    "sub true": {"sub": True},
    "jti number": {"jti": 7},
}


@pytest.mark.parametrize("claims", REFUSED_CLAIMS.values(), ids=REFUSED_CLAIMS)
async def test_a_token_with_other_claims_is_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    """Although its signature is valid."""
    async with club(None, **issuers(issuer_settings(issuer))) as app:
        await expect_refusal(app, issuer.token(**claims))


async def expect_refusal(app: Any, token: str) -> None:
    """Fail unless a token is refused, with an error without a part of it."""
    with pytest.raises(SignInRequired) as raised:
        await caller(app, token).call("who")
    assert raised.value.challenge == {"error": "invalid_token"}
    assert not any(part and part in raised.value.message for part in token.split("."))


async def test_a_token_within_the_leeway_is_accepted_and_then_refused(
    issuer: Issuer, clock: Any
) -> None:
    """Also from the cache."""
    async with club(None, **issuers(issuer_settings(issuer, leeway="10s"))) as app:
        token = issuer.token(exp=int(time.time()) + 5, nbf=int(time.time()) + 8)
        assert (await caller(app, token).call("who"))["user"] == "ada"
        clock.advance(10)
        assert (await caller(app, token).call("who"))["user"] == "ada"
        clock.advance(6)
        with pytest.raises(SignInRequired, match="The token has expired"):
            await caller(app, token).call("who")


async def test_a_token_is_refused_from_the_notice_of_its_expiry(issuer: Issuer, clock: Any) -> None:
    """Also if it expires within a second: subscriptions are authorized again at the notice."""
    async with club(None, **issuers(issuer_settings(issuer, leeway="10s"))) as app:
        expires = int(time.time()) + 100.5
        token = issuer.token(exp=expires)
        assert (await caller(app, token).call("who"))["user"] == "ada"

        clock.advance(expires + 10 - time.time())

        with pytest.raises(SignInRequired, match="The token has expired"):
            await caller(app, token).call("who")


@pytest.mark.parametrize("token_id", [None, "", "t" * 101, "t\n1"])
async def test_credentials_without_a_usable_token_id_have_a_digest(
    issuer: Issuer, token_id: str | None
) -> None:
    """Which identifies them in the audit log."""
    async with club(None, **issuers(issuer_settings(issuer))) as app:
        token = issuer.token(jti=token_id)

        id = (await caller(app, token).call("who"))["id"]

        assert id == hashlib.sha256(token.encode()).hexdigest()[:32]


async def test_unsigned_tokens_are_refused(issuer: Issuer) -> None:
    """In each spelling of `none`, with and without a signature."""
    async with club(None, **issuers(issuer_settings(issuer))) as app:
        for name in ("none", "None", "NONE", "nOnE", "", None, 7, ["ES256"]):
            for header in ({"alg": name}, {"alg": name, "kid": issuer.key.kid}):
                unsigned = f"{encode(header)}.{encode(issuer.claims())}."
                await expect_refusal(app, unsigned)
                await expect_refusal(app, unsigned + issuer.token().rpartition(".")[2])


async def test_a_public_key_is_no_shared_secret(issuer: Issuer) -> None:
    """RS256 and HS256 cannot be confused (RFC 8725 §2.1), in any text of the public key."""
    key = jwk.RSAKey.generate_key(2048, {"kid": "rsa"})
    issuer.key, issuer.algorithm = key, "RS256"
    issuer.published = [key.as_dict(private=False)]
    algorithms = ["RS256", "ES256"]
    async with club(None, **issuers(issuer_settings(issuer, algorithms=algorithms))) as app:
        assert (await caller(app, issuer.token()).call("who"))["user"] == "ada"
        for secret in (
            key.as_pem(private=False),
            key.as_der(private=False),
            json.dumps(key.as_dict(private=False)).encode(),
            b"",
        ):
            for name, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
                text = f"{encode({'alg': name, 'kid': 'rsa'})}.{encode(issuer.claims())}"
                signature = hmac.new(secret, text.encode(), digest).digest()
                await expect_refusal(app, f"{text}.{encode(signature)}")


async def test_keys_in_the_header_are_ignored(issuer: Issuer) -> None:
    """A token signed with a key of an attacker is refused, wherever its header says it is."""
    attacker = jwk.ECKey.generate_key("P-256", {"kid": issuer.key.kid})
    public = attacker.as_dict(private=False)
    headers: list[dict[str, Any]] = [
        {},
        {"jwk": public},
        {"jku": "https://attacker.example/jwks"},
        {"x5u": "https://attacker.example/certificate"},
        {"x5c": ["MIIB"]},
        {"kid": "../../../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": "https://attacker.example/jwks"},
        {"kid": "x" * 300},
        {"kid": None},
        {"kid": "\x00"},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
    ]
    async with club(None, **issuers(issuer_settings(issuer))) as app:
        await caller(app, issuer.token()).call("who")
        requests = issuer.requests
        for header in headers:
            complete = {"alg": "ES256", "kid": attacker.kid, **header}
            complete = {name: value for name, value in complete.items() if value is not None}
            text = f"{encode(complete)}.{encode(issuer.claims())}"
            signed = jwt.encode({"alg": "ES256"}, issuer.claims(), attacker).rpartition(".")[2]
            await expect_refusal(app, f"{text}.{signed}")
        for kid in (7, ["k"], {"k": 1}):
            await expect_refusal(
                app, f"{encode({'alg': 'ES256', 'kid': kid})}.{encode(issuer.claims())}.AAAA"
            )
        # The unknown identifiers have caused one request at most.
        assert issuer.requests <= requests + 1


async def test_a_valid_token_may_have_other_headers(issuer: Issuer) -> None:
    """Such as `nonce`, and the URL of its key, which is not used; one without `kid` as well."""
    async with club(None, **issuers(issuer_settings(issuer))) as app:
        for header in ({"nonce": "n"}, {"jku": f"{issuer.url}/none", "typ": "JWT"}, {"kid": None}):
            assert (await caller(app, issuer.token(header)).call("who"))["user"] == "ada"


async def test_a_signature_has_one_text(issuer: Issuer) -> None:
    """Other bits at its end, or skipped characters, would be other texts of one token."""
    async with club(None, **issuers(issuer_settings(issuer))) as app:
        token = issuer.token()
        head, body, signature = token.split(".")
        assert (await caller(app, token).call("who"))["user"] == "ada"
        digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        others = [signature[:-1] + digit for digit in digits if digit != signature[-1]]
        for other in (*others, f"{signature}=", f"{signature}==", f"{signature} ", f"!{signature}"):
            await expect_refusal(app, f"{head}.{body}.{other}")
        for other in (f"{head}.{body}", f"{token}.", f"{head}=.{body}.{signature}", f".{token}"):
            await expect_refusal(app, other)


@pytest.mark.parametrize(
    ("type_", "accepted"),
    [("at+jwt", True), ("application/AT+JWT", True), ("JWT", False), (None, False), (7, False)],
    ids=["same", "media type", "other", "none", "number"],
)
async def test_the_type_of_tokens_can_be_required(
    issuer: Issuer, type_: Any, accepted: bool
) -> None:
    """So that an identity token is no access token (RFC 9068)."""
    async with club(None, **issuers(issuer_settings(issuer, token_type="at+jwt"))) as app:
        header = {"alg": "ES256", "kid": issuer.key.kid, **({"typ": type_} if type_ else {})}
        registry = JWSRegistry(algorithms=["ES256"], strict_check_header=False)
        if type_ == 7:
            await expect_refusal(app, f"{encode(header)}.{encode(issuer.claims())}.AAAA")
            return
        token = jwt.encode(
            header, issuer.claims(), issuer.key, registry=registry, default_type=None
        )
        if accepted:
            assert (await caller(app, token).call("who"))["user"] == "ada"
        else:
            await expect_refusal(app, token)


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "ES512", "EdDSA", "Ed25519"])
async def test_each_algorithm_verifies(issuer: Issuer, algorithm: str) -> None:
    """With keys in a JWKS; one that is not allowed is refused."""
    if algorithm[:2] in {"RS", "PS"}:
        issuer.key = jwk.RSAKey.generate_key(2048, {"kid": "k"})
    elif algorithm.startswith("ES"):
        curve = {"ES256": "P-256", "ES512": "P-521"}[algorithm]
        issuer.key = jwk.ECKey.generate_key(curve, {"kid": "k"})
    else:
        issuer.key = jwk.OKPKey.generate_key("Ed25519", {"kid": "k"})
    issuer.published = [issuer.key.as_dict(private=False)]
    header = {"alg": algorithm, "kid": "k"}
    text = f"{encode(header)}.{encode(issuer.claims())}"
    algorithm_model = JWSRegistry.algorithms[algorithm]
    token = f"{text}.{encode(algorithm_model.sign(text.encode(), issuer.key))}"
    async with club(None, **issuers(issuer_settings(issuer, algorithms=[algorithm]))) as app:
        assert (await caller(app, token).call("who"))["user"] == "ada"
    other = "RS512" if algorithm != "RS512" else "ES384"
    async with club(None, **issuers(issuer_settings(issuer, algorithms=[other]))) as app:
        await expect_refusal(app, token)


async def test_a_static_key_needs_no_request(issuer: Issuer) -> None:
    """As PEM, as JWK, as JWKS, or as a shared secret."""
    pem = issuer.key.as_pem(private=False).decode()
    public = issuer.key.as_dict(private=False)
    for key in (pem, json.dumps(public), json.dumps({"keys": [public]})):
        settings = issuer_settings(issuer, key=key, algorithms=["ES256"])
        async with club(None, **issuers(settings)) as app:
            assert (await caller(app, issuer.token()).call("who"))["user"] == "ada"
    secret = "a shared secret of 32 characters"
    settings = issuer_settings(issuer, key=secret, algorithms=["HS256"])
    async with club(None, **issuers(settings)) as app:
        issuer.algorithm = "HS256"
        token = issuer.token({"kid": None}, key=jwk.OctKey.import_key(secret))
        assert (await caller(app, token).call("who"))["user"] == "ada"
        forged = jwk.OctKey.import_key("another secret of 32 characters.")
        await expect_refusal(app, issuer.token({"kid": None}, key=forged))
    assert issuer.requests == 0


WEAK = (
    rsa.generate_private_key(65537, 1024)
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
PEM = jwk.RSAKey.generate_key(2048).as_pem(private=False).decode()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"key": "s" * 31, "algorithms": ["HS256"]}, "shorter than 32 bytes"),
        ({"algorithms": ["HS256"]}, "must not be fetched"),
        ({"key": "s" * 32, "algorithms": ["HS256", "RS256"]}, "both HS algorithms and others"),
        ({"key": PEM, "algorithms": ["HS256"]}, "it is no oct key"),
        ({"key": "nonsense", "algorithms": ["RS256"]}, "it is no RSA key"),
        ({"key": WEAK, "algorithms": ["RS256"]}, "only short ones"),
        ({"key": PEM, "algorithms": ["RS256", "ES256"]}, "algorithms are of several"),
        ({"key": "{", "algorithms": ["RS256"]}, "no valid JSON"),
        ({"key": '{"kty": "oct", "k": "AA"}', "algorithms": ["RS256"]}, "no key for the algor"),
        ({"key": PEM, "jwks_url": "https://a.example/jwks"}, "both jwks_url and key"),
        ({"jwks_url": "http://a.example/jwks"}, "must be an https URL"),
        ({"jwks_url": "https://user:pass@a.example/jwks"}, "must be an https URL"),
        ({"issuer": "club"}, "the issuer is no https URL"),
        ({"audience": []}, "audience"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"leeway": "1h"}, "leeway"),
    ],
    ids=[
        "short secret", "fetched secret", "mixed", "public key as secret", "no key", "short key",
        "types", "json", "other type", "two sources", "http", "password", "issuer", "audience",
        "none", "leeway",
    ],
)  # fmt: skip
async def test_unsafe_settings_are_errors_at_start(settings: dict[str, Any], message: str) -> None:
    """Each names the setting, and shows no key."""
    complete = {"issuer": "https://a.example", "audience": ["club"], **settings}
    with pytest.raises(BootError, match=message) as raised:
        async with club(None, **issuers(complete)):
            pass
    assert "issuers" in str(raised.value).lower()
    assert settings.get("key", "no key")[-20:] not in str(raised.value)
