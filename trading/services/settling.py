"""Finish the resets and closings that wait: of every owner, in the background.

Whoever asked for one may have gone, and the matcher may come late: what waits stands in the rows.
"""

from __future__ import annotations

import logging

from accounts import tracing
from trading.errors import RuleBroken
from trading.models import AccountReset, TradingAccount
from trading.services.own_accounts import UNSETTLED, settle

logger = logging.getLogger(__name__)


def settle_accounts() -> int:
    """Bring every account forward that is being reset or closed; return how many were finished.

    May run twice, or beside the request that asked: each step is a transaction under the account's lock.
    """
    finished = 0
    waiting = TradingAccount.objects.across_owners().filter(status__in=UNSETTLED)
    for account in waiting.select_related("user").order_by("pk"):
        with tracing.caused_by(_asked_by(account)) as trace:
            tracing.told(user_id=account.user_id, account_id=account.pk)
            try:
                status = settle(account.user, account, trace.request_id)
            except RuleBroken as error:  # nobody runs its market: another sweep will look again
                logger.debug("account %s waits: %s", account.number, error)
                continue
            if status not in UNSETTLED:
                logger.info("account %s is %s", account.number, status)
                finished += 1
    return finished


def _asked_by(account: TradingAccount) -> str:
    """Return the id of the request that asked for the reset; empty for a closing, which keeps none."""
    waiting = AccountReset.objects.owned_by(account.user, account.pk).filter(at=None)
    return waiting.values_list("request_id", flat=True).first() or ""
