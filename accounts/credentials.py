"""How a key pair travels in a request's headers: as two of them, as HTTP Basic, or as one bearer token.

A token is the pair in one word, `<key id>.<secret>`: it opens what the key opens and ends when the
key ends, and nothing more is stored for it.
"""

from __future__ import annotations

import base64
import binascii
import re

_KEY_ID = re.compile(r"PK[A-Z2-7]{18}")  # as ours are made; a secret never looks like it

UNREADABLE = ("", "")  # opens nothing, and costs its caller what a wrong key costs


def key_pair(key_id: str | None, secret: str | None, authorization: str | None) -> tuple[str, str] | None:
    """Return key id and secret from the two key headers or from `Authorization`; None where there is neither.

    Both at once name two callers, and are as unreadable as a header that is neither Basic nor Bearer.
    """
    if key_id is not None or secret is not None:
        return UNREADABLE if authorization else (key_id or "", secret or "")
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() == "basic":
        return _of_basic(credentials.strip())
    if scheme.lower() == "bearer":
        return pair_of_token(credentials.strip())
    return UNREADABLE if authorization else None


def pair_of_token(token: str) -> tuple[str, str]:
    """Return the key pair that a bearer token is."""
    key_id, dot, secret = token.partition(".")
    return (key_id, secret) if dot else UNREADABLE


def shown(key_id: str) -> str:
    """Return what a log may tell of a key id that somebody sent: it may be their secret, in the wrong field."""
    return key_id if _KEY_ID.fullmatch(key_id) else f"(no key id: {len(key_id)} characters)"


def _of_basic(credentials: str) -> tuple[str, str]:
    try:
        key_id, colon, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return UNREADABLE
    return (key_id, secret) if colon else UNREADABLE
