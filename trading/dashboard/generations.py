"""Which generation of an account a page of its history is about, where there is more than one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trading.review.generations import generations_of
from trading.services.own_accounts import resets_of

if TYPE_CHECKING:
    from trading.dashboard.page import PaperPage


def generations_to_choose(page: PaperPage, chosen: str | None = None) -> dict[str, Any]:
    """Return the account's generations, newest first and none where there is one alone, and the earlier one at hand."""
    if page.account.generation == 1:
        return {"generations": [], "earlier": None}
    found = generations_of(page.account, resets_of(page.principal, page.account.pk))
    earlier = next((each for each in found if str(each.number) == chosen), None)
    return {"generations": found[::-1], "earlier": earlier}
