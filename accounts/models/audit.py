"""What was done to money, permissions and credentials, by whom: chained by hashes, and never changed.

The database numbers, dates and hashes an entry (accounts/sql/0005_audit.sql) whatever its writer says.
Write with `accounts.services.audit.record`; verify with `accounts.audit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self
from uuid import UUID

from django.db import models

if TYPE_CHECKING:
    from accounts.querysets import Owner

SYSTEM_CHAIN = UUID(int=0)


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Entries; most are about somebody."""

    def about(self, owner: Owner) -> Self:
        """Return what is written about one person, whoever did it; nothing about an anonymous one."""
        return self.filter(subject=owner.pk) if owner.is_authenticated else self.none()


class AuditEntry(models.Model):
    """One thing that was done. The chain is an account's id, else a person's, else SYSTEM_CHAIN.

    No foreign key anywhere: an entry outlives its account and its person, who then are only a uuid.
    """

    pk = models.CompositePrimaryKey("chain", "seq")
    chain = models.UUIDField()
    seq = models.BigIntegerField()  # from 1, without a gap
    subject = models.UUIDField(null=True)  # the person it is about
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64)  # `<thing>.<what happened>`
    body = models.TextField()  # canonical JSON with some of before, after, reason: facts, nothing personal
    details_digest = models.BinaryField(max_length=32, null=True)  # of an AuditDetail
    prev = models.BinaryField(max_length=32)  # hash of the entry before
    hash = models.BinaryField(max_length=32)

    objects = models.Manager.from_queryset(AuditQuerySet)()

    class Meta:
        indexes: ClassVar = [
            # An entry about somebody is found through them; the rest has its chain.
            models.Index(
                fields=["subject", "at"],
                name="audit_entry_by_subject",
                condition=models.Q(subject__isnull=False),
            )
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(action__regex=r"^[a-z_]+\.[a-z_]+$"), name="audit_action_is_two_words"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} ({self.chain} {self.seq})"


class AuditHead(models.Model):
    """How far a chain has come: its last entry. Shows a chain that was cut off, and is what gets anchored."""

    chain = models.UUIDField(primary_key=True)
    subject = models.UUIDField(null=True)  # whose chain it is: all its entries are about them
    seq = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"{self.chain} {self.seq}"


class KnownAnchor(models.Model):
    """The last anchor that was written, of which there is one row at most: written after its file, by who wrote that.

    Beside the files, which may be taken away by whoever owns their folder. Of a line of anchors that was ended (by
    `begin_anchors_anew`, with a reason in the log) the last one stays, so that its folder is not taken for the new one.
    """

    ONLY = 1

    id = models.SmallIntegerField(primary_key=True, default=ONLY)
    number = models.BigIntegerField()  # 0 when a new line begins
    digest = models.CharField(max_length=64)  # SHA-256 of the file, in hex; noughts where there is none
    ended_number = models.BigIntegerField(default=0)
    ended_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_known_anchor"),
        ]

    def __str__(self) -> str:
        return f"anchor {self.number}"


class AuditDetail(models.Model):
    """The personal part of an entry, which may be erased: the chain has only its salted digest.

    `digest` is SHA-256 of salt and details; the salt keeps anybody from trying guesses against the chain
    after the row is gone.
    """

    digest = models.BinaryField(max_length=32, primary_key=True)
    chain = models.UUIDField()
    subject = models.UUIDField(null=True)
    salt = models.BinaryField(max_length=32)
    details = models.TextField()  # canonical JSON

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["subject"], name="audit_detail_by_subject"),
            models.Index(fields=["chain"], name="audit_detail_by_chain"),
        ]

    def __str__(self) -> str:
        return f"details in {self.chain}"
