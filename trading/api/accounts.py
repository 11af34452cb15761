"""/raxx/v1/accounts: a person's accounts, more than the one that the key opens.

Not Alpaca's; the errors are theirs in shape. To change anything needs a key with the scope `operator`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from accounts.api.bodies import json_response, read_body
from accounts.models.api_key import Scope
from trading.api import numbers, query
from trading.api.base import ApiView
from trading.models import TradingAccount
from trading.review.generations import generations_of
from trading.services import own_accounts
from trading.services.accounts import CASH_DEFAULT, PAPER_MULTIPLIER, open_own_account, require_cash
from trading.services.market_choice import market_for
from trading.services.markets import market_time
from trading.wire import instant, instant_or_none, plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.models import AccountReset
    from trading.principal import Principal

OK, CREATED, ACCEPTED = 200, 201, 202


class NewAccount(msgspec.Struct):
    """POST /raxx/v1/accounts."""

    name: str = ""
    cash: msgspec.Raw = numbers.ABSENT
    profile: str = "displayed"
    multiplier: int = PAPER_MULTIPLIER
    market: str | None = None


class AccountChanges(msgspec.Struct):
    """PATCH of an account; what is absent stays."""

    name: str | None = None
    profile: str | None = None


class Reset(msgspec.Struct):
    """POST of a reset; `generation` is the one that shall end, so that a repeat does not end the next."""

    cash: msgspec.Raw = numbers.ABSENT
    generation: int | None = None


_new_decoder = msgspec.json.Decoder(NewAccount)
_changes_decoder = msgspec.json.Decoder(AccountChanges)
_reset_decoder = msgspec.json.Decoder(Reset)


class _AccountView(ApiView):
    default_scope: ClassVar[Scope] = Scope.OPERATOR
    needs_account: ClassVar[bool] = False

    def is_allowed(self, principal: Principal, method: str) -> bool:
        """Let a signed-in person manage their accounts, and of keys those that may."""
        return principal.session is not None or super().is_allowed(principal, method)

    def _one(self, account_id: UUID, status: int = OK) -> HttpResponse:
        account = own_accounts.account_of(self.principal, account_id)
        resets = own_accounts.resets_of(self.principal, account_id)
        return json_response({**account_body(account), **_history_body(account, resets)}, status)

    def _when_settled(self, account: TradingAccount) -> HttpResponse:
        return self._one(account.pk, ACCEPTED if account.status in own_accounts.UNSETTLED else OK)


class Accounts(_AccountView):
    """The caller's accounts."""

    def get(self, request: Request) -> HttpResponse:
        """List them, oldest first: those that are not closed, unless asked otherwise."""
        mine = own_accounts.accounts_of(self.principal)
        status = query.choice(request.GET, "status", ("open", "closed", "all"), "open")
        if status == "open":
            mine = mine.exclude(status=TradingAccount.Status.CLOSED)
        elif status == "closed":
            mine = mine.filter(status=TradingAccount.Status.CLOSED)
        return json_response([account_body(account) for account in mine])

    def post(self, request: Request) -> HttpResponse:
        """Open another, in the default market where none is named, as far as the tier allows. Its keys are made apart."""
        body = read_body(request, _new_decoder)
        market = market_for(self.principal.tier, body.market)
        cash = numbers.decimal(body.cash, "cash")
        account = open_own_account(
            principal=self.principal,
            market=market,
            now=market_time(market),
            cash=CASH_DEFAULT if cash is None else cash,
            name=body.name,
            profile=body.profile,
            multiplier=body.multiplier,
        )
        return self._one(account.pk, CREATED)


class OneAccount(_AccountView):
    """One account of the caller's."""

    def get(self, _request: Request, account_id: UUID) -> HttpResponse:
        """Read it, with its generations and where their events are. Raises NotFound."""
        return self._one(account_id)

    def patch(self, request: Request, account_id: UUID) -> HttpResponse:
        """Rename it, or choose the simulation profile of its new orders."""
        body = read_body(request, _changes_decoder)
        own_accounts.change_account(
            owner=self.principal, account_id=account_id, name=body.name, profile=body.profile
        )
        return self._one(account_id)


class ResetOfAccount(_AccountView):
    """The end of an account's generation."""

    def post(self, request: Request, account_id: UUID) -> HttpResponse:
        """Begin the next one; 202 while orders of this one are still being ended."""
        body = read_body(request, _reset_decoder) if _has_body(request) else Reset()
        cash = numbers.decimal(body.cash, "cash")
        if cash is not None:
            require_cash(cash)
        account = own_accounts.reset_account(
            owner=self.principal,
            account_id=account_id,
            cash=cash,
            generation=body.generation,
            request_id=self.request_id,
        )
        return self._when_settled(account)


class ArchiveOfAccount(_AccountView):
    """The end of an account."""

    def post(self, _request: Request, account_id: UUID) -> HttpResponse:
        """Close it and end its keys; 202 while its orders are still being ended."""
        account = own_accounts.archive_account(
            owner=self.principal, account_id=account_id, request_id=self.request_id
        )
        return self._when_settled(account)


def account_body(account: TradingAccount) -> dict[str, Any]:
    """Return an account as its owner lists it; `cash` is dollars."""
    return {
        "id": account.pk,
        "account_number": account.number,
        "name": account.name,
        "status": own_accounts.status_word(account),
        "market": account.market.name,
        "profile": {"name": account.profile.name, "version": account.profile.version},
        "multiplier": str(account.multiplier),
        "currency": account.currency,
        "cash": plain(account.cash),
        "generation": account.generation,
        "exits_only": account.exits_only,
        "created_at": instant(account.created_at),
        "reset_at": instant_or_none(account.reset_at),
    }


def _history_body(account: TradingAccount, resets: Sequence[AccountReset]) -> dict[str, Any]:
    """Return the generations, with the bounds that /v2/events/trades takes, and the reset that waits.

    They begin where the kept history does; of a generation that it has left behind nothing can be asked.
    """
    waiting = next((reset for reset in resets if reset.at is None), None)
    return {
        "generations": [
            {
                "generation": each.number,
                "began_at": instant(each.began_at),
                "since_id": str(each.since_seq),
                "until_id": None if each.until_seq is None else str(each.until_seq),
            }
            for each in generations_of(account, resets)
        ],
        "reset": None
        if waiting is None
        else {
            "generation": waiting.generation,
            "cash": plain(waiting.cash),
            "asked_at": instant(waiting.asked_at),
        },
    }


def _has_body(request: Request) -> bool:
    """Say whether there is one: a reset needs none."""
    return (
        request.META.get("CONTENT_LENGTH") not in {None, "", "0"} or "HTTP_TRANSFER_ENCODING" in request.META
    )
