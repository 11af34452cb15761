"""A person's accounts: list, open, rename, reset, close. Each write returns when it is committed.

A reset and a closing are asked for in one transaction, which refuses new orders from then on; the
matcher then ends what is open, and whoever sees that nothing is left does the rest in another: the
caller who waits here, or the sweep (`trading.services.settling`) when that one has gone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.functions import TransactionNow
from django.db import connection, transaction
from django.db.models import Case, When

from accounts.binding import BIND
from accounts.models import ApiKey
from accounts.services.audit import Entry, record, record_all
from trading.doorbells import ring_account, ring_credentials, ring_market
from trading.errors import NotFound, RuleBroken, ValueInvalid
from trading.models import AccountReset, Order, TradingAccount
from trading.services.audited import profile_chosen
from trading.services.bells import account_bell
from trading.services.denials import NOT_RUNNING
from trading.services.profiles import profile_named

if TYPE_CHECKING:
    from decimal import Decimal
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.querysets import Owner
    from trading.errors import TradingError

SETTLED_WITHIN_S = 5.0  # of the matcher; after that the sweep goes on
ASKED_AT_ONCE = 200  # orders of one transaction
NAME_MAX = 64  # characters
_GENERATION_MAX = 2**31 - 1  # that PostgreSQL's integer holds
UNSETTLED = (TradingAccount.Status.RESETTING, TradingAccount.Status.CLOSING)
CANCELABLE = ("pending_new", "accepted", "new", "partially_filled", "held", "done_for_day")

_ASK_FOR_CANCELS = """
select c.denial from unnest(%s::uuid[]) with ordinality o(id, place),
       lateral trading_cancel_orders(%s, %s, o.id, %s) c order by o.place"""

_DENIALS: dict[str, tuple[type[TradingError], str]] = {
    "account_closed": (RuleBroken, "the account is closed"),
    "account_resetting": (RuleBroken, "the account is being reset; archive it when that is done"),
    "market_not_running": (RuleBroken, f"{NOT_RUNNING}, so that its open orders cannot be ended"),
    "generation_not_begun": (ValueInvalid, "generation is later than the present one"),
    "cash_not_known": (ValueInvalid, "cash is required: the account never had any"),
}


def accounts_of(owner: Owner) -> QuerySet[TradingAccount]:
    """Return a person's accounts with their markets and profiles, oldest first."""
    mine = TradingAccount.objects.owned_by(owner).select_related("market", "profile")
    return mine.order_by("created_at", "pk")


def account_of(owner: Owner, account_id: UUID) -> TradingAccount:
    """Return one of a person's accounts. Raises NotFound."""
    account = accounts_of(owner).filter(pk=account_id).first()
    if account is None:
        raise _not_found(account_id)
    return account


def resets_of(owner: Owner, account_id: UUID) -> list[AccountReset]:
    """Return the resets of an account, the last one perhaps still waiting, oldest first."""
    return list(AccountReset.objects.owned_by(owner, account_id).order_by("generation"))


@transaction.atomic(durable=True)
def change_account(
    *, owner: Owner, account_id: UUID, name: str | None = None, profile: str | None = None
) -> TradingAccount:
    """Rename an account, or let its new orders be filled by a profile's newest version; None leaves it.

    Raises NotFound, ValueInvalid, RuleBroken for a profile of an account that is closed.
    """
    if name is not None:
        require_name(name)
    chosen = None if profile is None else profile_named(profile)
    before = _locked(owner, account_id)
    changed: dict[str, Any] = {}
    told = []
    if name is not None and name != before.name:
        changed["name"] = name
        details = {"before": before.name, "after": name}
        told.append(
            Entry(action="account.renamed", user_id=before.user_id, account_id=account_id, details=details)
        )
    if chosen is not None:
        if before.status in (TradingAccount.Status.CLOSING, TradingAccount.Status.CLOSED):
            raise _denied("account_closed")
        if chosen != before.profile:
            changed["profile"] = chosen
            told.append(profile_chosen(before, chosen))
    if changed:
        TradingAccount.objects.owned_by(owner).filter(pk=account_id).update(**changed)
        record_all(told)
    return account_of(owner, account_id)


def reset_account(
    *,
    owner: Owner,
    account_id: UUID,
    cash: Decimal | None = None,
    generation: int | None = None,
    request_id: str = "",
    within_s: float | None = None,
    is_trial: bool = False,
) -> TradingAccount:
    """Begin the account's next generation with `cash` dollars, or with what this one began with.

    Open orders are canceled first. What the market does not end in time goes on being ended: then the
    account's status is still RESETTING, and asking again is waiting again. With `generation`, the one
    that shall end, a repeat after its end does nothing. A trial changes nothing.
    Raises NotFound, ValueInvalid, RuleBroken.
    """
    _ask_for_reset(owner, account_id, cash, generation, request_id, is_trial=is_trial)
    if is_trial:
        return account_of(owner, account_id)
    return _settled(owner, account_id, request_id, within_s)


def archive_account(
    *,
    owner: Owner,
    account_id: UUID,
    request_id: str = "",
    within_s: float | None = None,
    is_trial: bool = False,
) -> TradingAccount:
    """Close an account for good: its keys end at once, its orders are canceled, and all of it stays readable.

    What the market does not end in time goes on being ended: then the status is still CLOSING.
    Repeating it changes nothing, and a trial neither. Raises NotFound, RuleBroken.
    """
    _ask_for_closing(owner, account_id, is_trial=is_trial)
    if is_trial:
        return account_of(owner, account_id)
    ring_credentials()
    return _settled(owner, account_id, request_id, within_s)


def settle(owner: Owner, account: TradingAccount, request_id: str) -> str:
    """Ask for the cancels that nobody has asked for yet, then do what waits if nothing is open; return the status.

    Raises RuleBroken when orders are open and nobody runs the market.
    """
    ask_for_cancels(owner, account, request_id)
    with transaction.atomic(durable=True):
        before, status = _called(owner, account.pk, "trading_settle_account(%s)", [])
        if status != before.status:
            after = account_of(owner, account.pk)
            record(
                action="account.archived" if status == TradingAccount.Status.CLOSED else "account.reset",
                user_id=before.user_id,
                account_id=account.pk,
                before=_state(before),
                after=_state(after),
            )
    return str(status)


def status_word(account: TradingAccount) -> str:
    """Return how an account stands, in our own word: the wire's are others."""
    return str(TradingAccount.Status(account.status).label).lower()


def require_name(name: str) -> None:
    """Raise ValueInvalid for a name that an account cannot have."""
    if len(name) > NAME_MAX or not name.isprintable():
        raise ValueInvalid(f"the name has {len(name)} characters, and may have {NAME_MAX}, all printable")


def _settled(owner: Owner, account_id: UUID, request_id: str, within_s: float | None) -> TradingAccount:
    """Return the account when it is settled, or when it takes longer than `within_s` (None: as usual)."""
    account = account_of(owner, account_id)
    if account.status not in UNSETTLED:
        return account
    deadline = time.monotonic() + (SETTLED_WITHIN_S if within_s is None else within_s)
    with account_bell(account_id) as bell:
        while settle(owner, account, request_id) in UNSETTLED and time.monotonic() < deadline:
            bell.wait()
    return account_of(owner, account_id)


def ask_for_cancels(owner: Owner, account: TradingAccount, request_id: str) -> None:
    """Ask once for the cancel of each open order. One whose cancel was refused ends at its auction."""
    unasked = Order.objects.owned_by(owner, account.pk).filter(
        status__in=CANCELABLE, cancel_requested_at=None
    )
    # Of a class the exits before their entry, whose end would let them work.
    in_order = unasked.order_by(Case(When(role="entry", then=1), default=0), "submitted_at", "pk")
    while order_ids := list(in_order.values_list("pk", flat=True)[:ASKED_AT_ONCE]):
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(_ASK_FOR_CANCELS, [order_ids, owner.pk, account.pk, request_id])
            denials = {denial for (denial,) in cursor.fetchall()}
        if "market_not_running" in denials:
            raise RuleBroken(f"{NOT_RUNNING}; the account waits until it is")
        ring_market(account.market_id)
        ring_account([account.pk])


@transaction.atomic(durable=True)
def _ask_for_reset(
    owner: Owner,
    account_id: UUID,
    cash: Decimal | None,
    generation: int | None,
    request_id: str,
    *,
    is_trial: bool = False,
) -> None:
    waits = AccountReset.objects.owned_by(owner, account_id).filter(at=None)
    earlier = waits.first()
    if generation is not None:
        # Beyond what the function takes, no account has one: so far is as early, or as late, as any.
        generation = max(-_GENERATION_MAX, min(generation, _GENERATION_MAX))
    before = _ask(owner, account_id, "trading_ask_for_reset(%s, %s, %s, %s)", [cash, generation, request_id])
    waiting = waits.first()
    if waiting is not None and (earlier is None or earlier.cash != waiting.cash):
        record(
            action="account.reset_asked",
            user_id=before.user_id,
            account_id=account_id,
            before={"status": before.status, "generation": before.generation},
            after={"generation": waiting.generation, "cash": waiting.cash},
        )
    transaction.set_rollback(is_trial)


@transaction.atomic(durable=True)
def _ask_for_closing(owner: Owner, account_id: UUID, *, is_trial: bool = False) -> None:
    before = _ask(owner, account_id, "trading_ask_for_closing(%s)", [])
    if before.status == TradingAccount.Status.ACTIVE:
        ended = ApiKey.objects.owned_by(owner, account_id).filter(revoked_at__gte=TransactionNow())
        record(
            action="account.archive_asked",
            user_id=before.user_id,
            account_id=account_id,
            before={"status": before.status},
            after={"keys_ended": sorted(ended.values_list("pk", flat=True))},
        )
    transaction.set_rollback(is_trial)


def _ask(owner: Owner, account_id: UUID, call: str, parameters: list[Any]) -> TradingAccount:
    """Call one of our functions that may refuse; return the account as it was before. Raises what it answers."""
    before, denial = _called(owner, account_id, call, parameters)
    if denial is not None:
        raise _denied(denial)
    return before


def _called(
    owner: Owner, account_id: UUID, call: str, parameters: list[Any]
) -> tuple[TradingAccount, str | None]:
    """Call one of our functions for its owner, in the caller's transaction.

    Return the account as it was before, under the lock that the function takes as well, and the answer.
    Raises NotFound.
    """
    with connection.cursor() as cursor:
        cursor.execute(BIND, [str(owner.pk)])
        before = _locked(owner, account_id)
        cursor.execute(f"select {call}", [account_id, *parameters])
        answer: str | None = cursor.fetchone()[0]
    return before, answer


def _locked(owner: Owner, account_id: UUID) -> TradingAccount:
    """Lock an account against all that changes it, and return it with its profile. Raises NotFound."""
    mine = TradingAccount.objects.owned_by(owner).select_for_update(of=("self",), no_key=True)
    account = mine.select_related("profile").filter(pk=account_id).first()
    if account is None:
        raise _not_found(account_id)
    return account


def _state(account: TradingAccount) -> dict[str, Any]:
    return {"status": account.status, "generation": account.generation, "cash": account.cash}


def _denied(denial: str) -> TradingError:
    kind, words = _DENIALS[denial]
    return kind(words)


def _not_found(account_id: UUID) -> NotFound:
    return NotFound(f"account not found for {account_id}")
