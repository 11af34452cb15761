"""A simulation profile: a fill model with its parameters, under a name and a version."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from matching.engine.types import Model
from trading.models.fields import PriceField

PARTS = 10_000  # of a rate: 10,000 is always
RATES = ("participation", "slippage_bps", "reject_rate", "partial_rate")


class SimulationProfile(models.Model):
    """One version of a named profile. Never updated: a change is the next version of the name.

    Rates are parts in 10,000; `commission` is dollars a share. An account names a profile, and each
    order keeps the version that was in force when it was accepted. Fill model: section 8.
    """

    id = models.SmallAutoField(primary_key=True)
    name = models.SlugField(max_length=32, db_index=False)
    version = models.PositiveSmallIntegerField(default=1)
    model = models.CharField(max_length=16, choices=[(model.value, model.value) for model in Model])
    participation = models.PositiveIntegerField(default=1_000)
    slippage_bps = models.PositiveIntegerField(default=0)
    latency_ms = models.PositiveIntegerField(default=0)
    commission = PriceField(default=0)
    reject_rate = models.PositiveIntegerField(default=0)
    partial_rate = models.PositiveIntegerField(default=0)
    description = models.CharField(max_length=400, blank=True)
    is_offered = models.BooleanField(default=True)  # whether accounts may choose it now
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["name", "-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name", "version"], name="profile_version_is_unique"),
            models.CheckConstraint(
                condition=models.Q(**{f"{rate}__lte": PARTS for rate in RATES}),
                name="profile_rates_are_parts",
            ),
            models.CheckConstraint(
                condition=models.Q(commission__gte=0), name="profile_commission_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"
