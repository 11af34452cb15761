"""What the owner of an account has forbidden themselves, or asked for."""

from __future__ import annotations

from django.db import models

MULTIPLIERS = (1, 2, 4)
OPTIONS_LEVEL_MAX = 3


class Configuration(models.Model):
    """Columns of the account's own row, because order entry reads that row anyway, under its lock.

    `max_margin_multiplier` and `max_options_trading_level` only ever lower what the account has.
    Spec of the wire: 1.4, 4.2.
    """

    class ConfirmEmail(models.TextChoices):
        ALL = "all"
        NONE = "none"

    suspend_trade = models.BooleanField(default=False)
    no_shorting = models.BooleanField(default=False)
    fractional_trading = models.BooleanField(default=True)
    max_margin_multiplier = models.PositiveSmallIntegerField(default=4)
    trade_confirm_email = models.CharField(max_length=4, choices=ConfirmEmail, default=ConfirmEmail.ALL)
    ptp_no_exception_entry = models.BooleanField(default=False)
    disable_overnight_trading = models.BooleanField(default=False)
    max_options_trading_level = models.PositiveSmallIntegerField(null=True)

    class Meta:
        abstract = True


# The owner may write these columns, and through one service alone.
FIELDS: tuple[str, ...] = tuple(field.attname for field in Configuration._meta.local_fields)  # noqa: SLF001 - Django's documented way to a model's fields

CONSTRAINTS: list[models.CheckConstraint] = [  # an abstract model's are not joined with its child's
    models.CheckConstraint(
        condition=models.Q(max_margin_multiplier__in=MULTIPLIERS),
        name="trading_account_max_multiplier_is_known",
    ),
    models.CheckConstraint(
        condition=models.Q(max_options_trading_level__isnull=True)
        | models.Q(max_options_trading_level__lte=OPTIONS_LEVEL_MAX),
        name="trading_account_options_level_is_known",
    ),
]
