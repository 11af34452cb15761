"""A person who signs in. There is no password: not a blank one, no column at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import uuid_utils.compat
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from uuid import UUID


def new_id() -> UUID:
    """Return a fresh UUIDv7: unique, and ordered by the time of its making."""
    return uuid_utils.compat.uuid7()


class Tier(models.TextChoices):
    FREE = "free", _("Free")
    PRO = "pro", _("Pro")
    PRO_PLUS = "pro_plus", _("Pro+")


class UserManager(BaseUserManager["User"]):
    """Makes users who can only ever sign in with a passkey."""

    def create_user(self, email: str, **fields: Any) -> User:
        """Insert a user. Raises ValueError without an address, IntegrityError when it is taken."""
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=self.normalize_email(email), **fields)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person. `auth_epoch` is part of the session hash: raising it ends every session."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    password = None  # type: ignore[assignment] # removes the column that AbstractBaseUser declares
    email = models.EmailField(_("e-mail address"), unique=True)
    tier = models.CharField(max_length=16, choices=Tier, default=Tier.FREE)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    auth_epoch = models.PositiveIntegerField(default=0)
    restricted_until = models.DateTimeField(null=True, blank=True)  # no new keys and nothing live before
    deactivated_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="user_email_is_unique_in_any_case"),
        ]

    def __str__(self) -> str:
        return self.email

    def set_password(self, raw_password: str | None) -> None:
        """Refuse: there is nowhere to put a password."""
        raise NotImplementedError("Raxx has no passwords")

    def set_unusable_password(self) -> None:
        """Do nothing: no password is already unusable."""

    def has_usable_password(self) -> bool:
        """Return False, always."""
        return False

    def check_password(self, raw_password: str | None) -> bool:  # noqa: ARG002 - Django's signature
        """Return False, always: no word opens an account."""
        return False

    def get_session_auth_hash(self) -> str:
        """Return the keyed hash that a session must carry to stay valid."""
        return session_hash(self.pk, self.auth_epoch)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        return session_hash(self.pk, self.auth_epoch, secret)


def session_hash(user_id: UUID, epoch: int, secret: str | None = None) -> str:
    """Return the keyed hash of a person and the epoch in which a session of theirs began."""
    return salted_hmac("accounts.User.session", f"{user_id}:{epoch}", secret=secret).hexdigest()
