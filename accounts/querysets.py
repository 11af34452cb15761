"""The first wall: rows that belong to somebody are reached through their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from uuid import UUID

Row = TypeVar("Row", bound=models.Model)


class Owner(Protocol):
    """Whoever may own rows: a user, an anonymous one, or the principal of a request."""

    @property
    def is_authenticated(self) -> bool: ...

    @property
    def pk(self) -> UUID | None: ...


class OwnedQuerySet(models.QuerySet[Row]):
    """Rows that belong to somebody. Start every query from `owned_by`."""

    def owned_by(self, owner: Owner, account_id: UUID | None = None) -> Self:
        """Return the rows of one owner, or of one of their accounts; an anonymous caller owns nothing."""
        if not owner.is_authenticated:
            return self.none()
        mine = self.filter(user_id=owner.pk)
        return mine if account_id is None else mine.filter(account_id=account_id)

    def across_owners(self) -> Self:
        """Return everybody's rows: for tasks and support, never for a view."""
        return self.all()


OwnedManager = models.Manager.from_queryset(OwnedQuerySet)
