"""The three kinds of number that the ledger keeps, each exact.

Price x quantity has thirteen decimals, so money keeps thirteen: nothing is ever rounded on its
way into the ledger, only where it is shown.
"""

from __future__ import annotations

from typing import Any

from django.db import models


class _ExactField(models.DecimalField):
    digits = (0, 0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"], kwargs["decimal_places"] = self.digits
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs


class PriceField(_ExactField):
    """Dollars a share, to 1/10,000."""

    digits = (19, 4)


class QuantityField(_ExactField):
    """Shares, to 1e-9."""

    digits = (28, 9)


class MoneyField(_ExactField):
    """Dollars, to 1e-13: exactly a price times a quantity."""

    digits = (32, 13)
