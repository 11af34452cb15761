"""What the owner of an account forbids themselves. Spec of the wire: 1.4, 4.2.

Order entry reads these columns where it takes the account's row, in the same statement
(trading/sql): a change holds from the next order on, in every process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.services.audit import record
from trading.errors import ValueInvalid
from trading.models import TradingAccount
from trading.models.configuration import MULTIPLIERS, OPTIONS_LEVEL_MAX

if TYPE_CHECKING:
    from trading.principal import Principal


def configuration(*, principal: Principal) -> TradingAccount:
    """Return the account with its configuration. Raises TradingAccount.DoesNotExist."""
    return TradingAccount.objects.owned_by(principal).get(pk=principal.account_id)


@transaction.atomic(durable=True)
def configure(*, principal: Principal, changes: dict[str, Any]) -> TradingAccount:
    """Change the named columns of the account's configuration, and return the account.

    `changes` is of the fields of `models.configuration`, already of their types; None is "as it is".
    Raises ValueInvalid, TradingAccount.DoesNotExist.
    """
    wanted = {name: value for name, value in changes.items() if value is not None}
    _require(wanted)
    mine = TradingAccount.objects.owned_by(principal)
    account = mine.select_for_update(no_key=True).get(pk=principal.account_id)
    before = {name: getattr(account, name) for name in wanted if getattr(account, name) != wanted[name]}
    if before:
        after = {name: wanted[name] for name in before}
        mine.filter(pk=principal.account_id).update(**after)
        record(
            action="configuration.changed",
            user_id=account.user_id,
            account_id=account.pk,
            before=before,
            after=after,
        )
    return configuration(principal=principal)


def _require(wanted: dict[str, Any]) -> None:
    multiplier = wanted.get("max_margin_multiplier")
    if multiplier is not None and multiplier not in MULTIPLIERS:
        raise ValueInvalid(f"max_margin_multiplier must be one of {', '.join(map(str, MULTIPLIERS))}")
    email = wanted.get("trade_confirm_email")
    if email is not None and email not in TradingAccount.ConfirmEmail.values:
        raise ValueInvalid(
            f"trade_confirm_email must be one of {', '.join(TradingAccount.ConfirmEmail.values)}"
        )
    level = wanted.get("max_options_trading_level")
    if level is not None and not 0 <= level <= OPTIONS_LEVEL_MAX:
        raise ValueInvalid(f"max_options_trading_level must be from 0 to {OPTIONS_LEVEL_MAX}")
