"""How a person has begun: what they answered, which investor profile they took, and whether they want help still."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from accounts.querysets import OwnedManager


class FirstSteps(models.Model):
    """One row a person, none before they have answered or dismissed. Instants are the wall clock's.

    What else is done of the first steps (an account, a watchlist, an order, a key) is read from where it is
    kept, and stands nowhere here.
    """

    user = models.OneToOneField(
        User,
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
    )
    answers = models.JSONField(default=dict)  # question -> answer: trading/first_steps.py
    profile = models.CharField(max_length=16, blank=True)  # the investor profile that was taken, if any
    is_dismissed = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(profile__in=("", "trial", "income_builder", "diversifier")),
                name="first_steps_profile_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"first steps of {self.user_id}"
