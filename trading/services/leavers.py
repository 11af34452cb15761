"""End the open orders of people who have asked to be erased. Their positions stay, in case they think better of it.

In the background, and again and again: an order may have been on its way while they asked, and a market
that nobody runs cannot be asked for anything.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import connection

from accounts import tracing
from accounts.binding import acting_for
from trading.errors import RuleBroken
from trading.models import TradingAccount
from trading.services.own_accounts import CANCELABLE, ask_for_cancels

if TYPE_CHECKING:
    from uuid import UUID

logger = logging.getLogger(__name__)

_ACCOUNTS = """
select distinct a.account_id
  from accounts_user u
  join trading_tradingaccount a on a.user_id = u.id
  join matching_market m on m.id = a.market_id and m.is_active
  join trading_order o on o.account_id = a.account_id
 where u.deactivated_at is not null and o.status = any(%s) and o.cancel_requested_at is null
 order by a.account_id"""


def end_orders_of_leavers() -> int:
    """Ask for the cancel of each open order of theirs; return in how many accounts. May run twice, or beside itself."""
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, [list(CANCELABLE)])
        account_ids: list[UUID] = [account_id for (account_id,) in cursor.fetchall()]
    for account_id in account_ids:
        account = TradingAccount.objects.across_owners().select_related("user").get(pk=account_id)
        with acting_for(account.user_id):
            tracing.told(user_id=account.user_id, account_id=account.pk)
            try:
                ask_for_cancels(account.user, account, tracing.current().request_id)
            except RuleBroken as error:  # nobody runs its market any more
                logger.debug("orders of account %s wait: %s", account.number, error)
    return len(account_ids)
