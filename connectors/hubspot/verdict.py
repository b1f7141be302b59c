"""What an error of HubSpot's means for the next step (guide on error handling, usage guidelines)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.http import Answer, retry_after
from syncd.core.errors import LoginNeeded, NeedsOperator, RetryLater, SyncdError

WAITS: Mapping[str, float] = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0, "DAILY": 3600.0}
"""Seconds by the policy that a 429 names: there is no Retry-After."""
LOCKED = 2.0
"""Seconds for which a 423 holds."""
MIGRATING = 477


def category(body: Any) -> str:
    """The category of an error; every field of it may be missing."""
    found = body.get("category") if isinstance(body, Mapping) else None
    return found if isinstance(found, str) else ""


def failure(
    said: str, answer: Answer, body: Any, *, writes: bool, midnight: float | None = None
) -> SyncdError:
    """The error of a call that had to succeed. `said` is which system and call.

    `midnight`: seconds until the account's day ends, where that is known.
    """
    status, code = answer.status, category(body)
    text = f"{said}: HubSpot answered {status}" + (f" ({code})" if code else "")
    if status == 401:
        return LoginNeeded(text, "Check the token, or log in anew")
    if status == 403:
        scopes = ", ".join(_scopes(body))
        todo = f"Give the app one of the scopes {scopes}" if scopes else "Check what the app may do"
        return NeedsOperator(text, todo)
    if status in (423, 429, MIGRATING, 503):
        return RetryLater(text, retry_after(answer) or _wait(status, body, midnight))
    if status >= 500:
        return RetryLater(text, retry_after(answer), uncertain=writes)
    return NeedsOperator(text, "Check the object's name and the properties of the mapping")


def _wait(status: int, body: Any, midnight: float | None) -> float | None:
    policy = str(body.get("policyName") or "") if isinstance(body, Mapping) else ""
    wait = LOCKED if status == 423 else WAITS.get(policy)
    return min(wait, midnight) if policy == "DAILY" and wait and midnight is not None else wait


def _scopes(body: Any) -> list[str]:
    """The scopes that a 403 says are wanted."""
    errors = body.get("errors") if isinstance(body, Mapping) else None
    contexts = [one.get("context") for one in errors or () if isinstance(one, Mapping)]
    found = [context.get("requiredGranularScopes") for context in contexts if isinstance(context, Mapping)]
    return [str(scope) for some in found for scope in some or ()]
