"""What an API key may be: checked once, whoever makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from accounts.addresses import networks_of
from accounts.models.api_key import DEFAULT_SCOPES, Scope
from trading.errors import ValueInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

NAME_MAX = 64  # characters
DAYS_MAX = 3_650  # of a key's life, where it has an end
OVERLAP_MAX = timedelta(days=7)  # of an old key beside its successor


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """What a new key shall be; `addresses` are networks, none of them is anywhere. Raises ValueInvalid."""

    scopes: Sequence[str] = tuple(DEFAULT_SCOPES)
    name: str = ""
    addresses: Sequence[str] = ()
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.scopes or not set(self.scopes) <= set(Scope.values):
            raise ValueInvalid(f"scopes must be some of {', '.join(Scope.values)}")
        if self.expires_at is not None:
            _check_end(self.expires_at)
        in_order = [scope for scope in Scope.values if scope in self.scopes]
        object.__setattr__(self, "scopes", in_order)
        object.__setattr__(self, "name", checked_name(self.name))
        object.__setattr__(self, "addresses", checked_networks(self.addresses))


def checked_name(name: str) -> str:
    """Return the name. Raises ValueInvalid for one that a key cannot have."""
    if len(name) > NAME_MAX:
        raise ValueInvalid(f"the name has {len(name)} characters, and may have {NAME_MAX}")
    if not name.isprintable():
        raise ValueInvalid("the name has characters that cannot be printed")
    return name


def checked_networks(addresses: Sequence[str]) -> list[str]:
    """Return addresses and networks as they are kept. Raises ValueInvalid."""
    try:
        return networks_of(addresses)
    except ValueError as error:
        raise ValueInvalid(str(error)) from None


def check_overlap(overlap: timedelta) -> None:
    """Raise ValueInvalid for a time that an old key cannot go on beside its successor."""
    if not timedelta() <= overlap <= OVERLAP_MAX:
        raise ValueInvalid(f"an old key goes on beside its successor for at most {OVERLAP_MAX.days} days")


def expiry(days: int | None) -> datetime | None:
    """Return the instant so many days from now; None for a key without an end. Raises ValueInvalid."""
    if days is None:
        return None
    if not 1 <= days <= DAYS_MAX:
        raise ValueInvalid(f"{days} days: a key lives 1 to {DAYS_MAX} days")
    return timezone.now() + timedelta(days=days)


def _check_end(expires_at: datetime) -> None:
    now = timezone.now()
    if expires_at <= now:
        raise ValueInvalid(f"{expires_at.isoformat()} is over: a key must expire in the future")
    if expires_at > now + timedelta(days=DAYS_MAX):
        raise ValueInvalid(f"{expires_at.isoformat()} is too late: a key lives at most {DAYS_MAX} days")
