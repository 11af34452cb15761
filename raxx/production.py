"""What a production start refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raxx.env import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET_KEY_LENGTH_MIN = 50
SECRET_KEY_LETTERS_MIN = 10  # distinct ones: "aaaa..." is long and no secret
TELLTALES = ("change-me", "changeme", "example", "insecure", "django-insecure")


def refusals(
    *,
    debug: bool,
    secret_key: str | None,
    origins: Sequence[str],
    hosts: Sequence[str],
    is_embedded: bool,
    has_anchors: bool,
    has_budgets: bool,
    has_mail: bool,
) -> list[str]:
    """Return the reasons why these settings may not serve real people; none means they may.

    `secret_key` is the one given by the environment, None when there was none.
    """
    reasons = []
    if debug:
        reasons.append("RAXX_DEBUG is on")
    if secret_key is None:
        reasons.append("RAXX_SECRET_KEY is not set")
    elif len(secret_key) < SECRET_KEY_LENGTH_MIN or len(set(secret_key)) < SECRET_KEY_LETTERS_MIN:
        reasons.append(
            f"RAXX_SECRET_KEY has fewer than {SECRET_KEY_LENGTH_MIN} characters, or too few different ones"
        )
    elif any(word in secret_key.lower() for word in TELLTALES):
        reasons.append("RAXX_SECRET_KEY is an example's, not a secret")
    if not origins:
        reasons.append("RAXX_ORIGINS is not set")
    reasons += [
        f"RAXX_ORIGINS: {origin} is not https" for origin in origins if not origin.startswith("https://")
    ]
    if not hosts or "*" in hosts:
        reasons.append("RAXX_ALLOWED_HOSTS names no host, or every host")
    further = (
        (
            is_embedded,
            "DATABASE_URL and VALKEY_URL must name real servers: nobody backs the embedded ones up",
        ),
        (
            not has_anchors,
            "RAXX_AUDIT_KEY and RAXX_AUDIT_ANCHORS must name a key and a folder that all workers share",
        ),
        (not has_mail, "RAXX_SMTP_URL is not set: links that open accounts would go to the log"),
        (not has_budgets, "RAXX_BUDGETS is off: one client could keep everybody else waiting"),
    )
    reasons += [reason for is_wrong, reason in further if is_wrong]
    return reasons


def refuse(reasons: Sequence[str]) -> None:
    """Raise SettingError with every reason at once, so that one restart can mend them all."""
    if reasons:
        message = "RAXX_ENV=production refuses to start: " + "; ".join(reasons)
        raise SettingError(message)
