"""The sign-in of operators: tokens, and the delay after failed attempts."""

from __future__ import annotations

from actionhero_web import SignedTokens, SignInLimiter
from actionhero_web.operators.sign_in_limiter import (
    MAX_ADDRESSES,
    MAX_DELAY_SECONDS,
    MAX_FREE_FAILURES,
)


def test_a_token_expires_and_is_bound_to_purpose_and_key() -> None:
    """Its content is not in it as text."""
    now = [1_000_000.0]

    def tokens(purpose: str = "test", key: str = "key") -> SignedTokens:
        return SignedTokens(purpose, lambda: key, ttl_seconds=60, clock=lambda: now[0])

    token = tokens().issue("ada")

    assert "ada" not in token
    assert tokens().read(token) == "ada"
    assert tokens(purpose="other").read(token) is None
    assert tokens(key="other").read(token) is None
    assert tokens().read(token[:-4] + "AAA=") is None
    assert tokens().read("ü") is None
    now[0] += 60
    assert tokens().read(token) == "ada"
    now[0] += 1
    assert tokens().read(token) is None


def test_delays_increase_end_and_are_reset() -> None:
    """IPv6 addresses are counted by network; the number of addresses is limited."""
    now = [0.0]
    limiter = SignInLimiter(lambda: now[0])
    delays = []
    for _ in range(MAX_FREE_FAILURES + 10):
        limiter.record_failure("2001:db8::1")
        delays.append(limiter.retry_after_seconds("2001:db8::ffff"))

    assert delays[: MAX_FREE_FAILURES + 3] == [0] * (MAX_FREE_FAILURES - 1) + [1, 2, 4, 8]
    assert delays[-1] == MAX_DELAY_SECONDS
    assert limiter.retry_after_seconds("2001:db8:0:1::1") == 0
    now[0] += MAX_DELAY_SECONDS
    assert limiter.retry_after_seconds("2001:db8::1") == 0
    limiter.record_failure("2001:db8::1")
    limiter.reset("2001:db8::2")
    assert limiter.retry_after_seconds("2001:db8::1") == 0
    for number in range(MAX_ADDRESSES + 10):
        limiter.record_failure(f"10.0.{number // 256}.{number % 256}")
    assert len(limiter._failures) == MAX_ADDRESSES


def test_a_success_clears_the_failures_of_its_account_only() -> None:
    """Those of all accounts together delay an address."""
    limiter = SignInLimiter(lambda: 0.0)
    for _ in range(MAX_FREE_FAILURES - 1):
        limiter.record_failure("192.0.2.1", "ada")
        limiter.record_failure("192.0.2.1", "eve")
        limiter.reset("192.0.2.1", "eve")
    before = limiter.retry_after_seconds("192.0.2.1")
    limiter.record_failure("192.0.2.1")

    assert before == 0
    assert limiter.retry_after_seconds("192.0.2.1") == 1
    assert [limiter.mark_refused("192.0.2.1") for _ in range(2)] == [True, False]
    limiter.record_failure("192.0.2.1", "ada")
    assert limiter.retry_after_seconds("192.0.2.1") == 2
    assert limiter.mark_refused("192.0.2.1")
