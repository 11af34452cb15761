"""What a member of staff may see and do of somebody's account: for a reason, and for a time.

This is django-guardian's table of permissions for trading accounts, and the policies of the database's
support role read it too (trading/sql/0010_grants.sql), so that the two cannot disagree.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.db import models
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThan, IsNull
from django.db.models.sql.where import AND, WhereNode
from guardian.managers import UserObjectPermissionManager
from guardian.models import UserObjectPermissionBase

from accounts.models import User
from accounts.models.user import new_id
from trading.models.account import TradingAccount

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.contrib.auth.models import Permission

LONGEST = timedelta(days=30)

REFUSAL = "staff get to an account by trading.services.grants alone: with a reason, for a time, written down"


class GrantPermission(models.TextChoices):
    """What may be granted; the values are codenames of TradingAccount's permissions."""

    VIEW = "view_account"
    ACT = "act_on_account"  # cancel, freeze, reset for its owner; who may act may view


class LivingRel(models.ManyToOneRel):
    """The way back along a LivingForeignKey: it leads to living grants only."""

    def get_extra_restriction(self, alias: str, related_alias: str | None) -> WhereNode:  # noqa: ARG002 - Django's signature
        return living_at(alias)


class LivingForeignKey(models.ForeignKey):
    """A foreign key of AccountGrant. Who joins from its target finds grants that live, and no others.

    django-guardian asks for permissions by such joins, past every manager: without this a grant that is
    over would go on counting in `has_perm` for the roles that row security does not bind.
    """

    rel_class = LivingRel

    def get_extra_restriction(self, alias: str | None, related_alias: str) -> WhereNode | None:
        """Restrict a subquery that Django has shortened by the target's table, and no join from here."""
        return living_at(related_alias) if alias is None else None

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Say `ForeignKey` to migrations: the column knows nothing of this."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.ForeignKey", arguments, options


def living_at(alias: str) -> WhereNode:
    """Return the condition that the grant under this alias counts now, by the database's clock."""
    fields = AccountGrant._meta  # noqa: SLF001 - Django's documented way to a model's fields
    ended, expires = fields.get_field("ended_at"), fields.get_field("expires_at")
    conditions: list[Any] = [
        IsNull(ended.get_col(alias), True),  # noqa: FBT003 - Django's own form
        GreaterThan(expires.get_col(alias), Now()),
    ]
    return WhereNode(conditions, AND)


class LivingGrants(UserObjectPermissionManager):
    """The grants that count now. Its ways to give and take, which know no reason and no end, are closed."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """Return the grants that neither ended nor expired, by the database's clock."""
        return super().get_queryset().filter(ended_at=None, expires_at__gt=Now())

    def assign_perm(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse, as do the next: guardian's words for it carry neither reason nor end."""
        raise NotImplementedError(REFUSAL)

    bulk_assign_perm = assign_perm_to_many = assign_perm
    remove_perm = bulk_remove_perm = remove_perm_from_many = assign_perm


class AccountGrant(UserObjectPermissionBase):
    """One permission on one account, for one member of staff, from `granted_at` to `expires_at` at the latest.

    A row is never deleted while its account is there: it is the record of who might have looked.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # The names `user` and `content_object` are guardian's. Not user_id in the database: that column is of
    # tables whose row is its owner's, and this row is about the account of somebody else.
    user = LivingForeignKey(
        User, on_delete=models.PROTECT, db_column="staff_id", related_name="account_grants", db_index=False
    )
    permission = LivingForeignKey("auth.Permission", on_delete=models.PROTECT, db_index=False)
    content_object = LivingForeignKey(  # the database's own key lets the grants go with their account
        TradingAccount,
        on_delete=models.CASCADE,
        db_column="account_id",
        related_name="staff_grants",
        db_constraint=False,
    )
    reason = models.CharField(max_length=500)
    ticket = models.CharField(max_length=64, blank=True)
    granted_by = models.ForeignKey(  # null: whoever ran the command
        User, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # revoked; or seen to have expired, which it had before
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)

    objects: ClassVar[LivingGrants] = LivingGrants()
    ever = models.Manager()

    class Meta:
        unique_together: ClassVar = []  # guardian's would let nobody have a second grant, ever
        base_manager_name = "ever"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "permission", "content_object"],
                condition=models.Q(ended_at=None),
                name="grant_one_of_a_kind_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("granted_at"))
                & models.Q(expires_at__lte=models.F("granted_at") + LONGEST),
                name="grant_lasts_thirty_days_at_most",
            ),
            models.CheckConstraint(condition=models.Q(reason__regex=r"\S"), name="grant_has_a_reason"),
            models.CheckConstraint(
                condition=models.Q(ended_by=None) | models.Q(ended_at__isnull=False),
                name="grant_ended_by_nobody_has_not_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.permission.codename} on {self.content_object_id} for {self.user_id}"

    def is_living(self, now: datetime) -> bool:
        """Whether it counts at `now`, as the row was read."""
        return self.ended_at is None and self.expires_at > now

    @property
    def what(self) -> GrantPermission:
        """What it lets its holder do."""
        permission: Permission = self.permission
        return GrantPermission(permission.codename)
