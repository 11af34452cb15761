"""What a passkey is called by its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.errors import ValueInvalid
from accounts.sessions import device_of

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_MAX = 64


def checked_name(name: str, headers: Mapping[str, str] | None = None) -> str:
    """Return a passkey's name; an empty one becomes the device's, as `headers` (META) tell. Raises ValueInvalid."""
    called = name.strip()
    if not called and headers is not None:
        return device_of(headers.get("HTTP_USER_AGENT", ""))
    if not called:
        raise ValueInvalid("name is empty")
    if len(called) > NAME_MAX or not called.isprintable():
        raise ValueInvalid(f"name must be at most {NAME_MAX} printable characters")
    return called
