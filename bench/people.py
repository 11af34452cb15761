"""Many people with one funded account and one key each, and the orders that they send."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matching.models import Market

CASH = Decimal(1_000_000_000)  # dollars: no run shall end for want of buying power


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account's key, and the head of every request that is made with it."""

    key_id: str
    secret: str

    def post(self, body: bytes) -> bytes:
        """Return a whole request that posts an order."""
        return (
            b"POST /v2/orders HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n"
            b"APCA-API-KEY-ID: %b\r\nAPCA-API-SECRET-KEY: %b\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b"
        ) % (self.key_id.encode(), self.secret.encode(), len(body), body)

    def get(self, path: bytes) -> bytes:
        """Return a whole request that reads a path."""
        return (
            b"GET %b HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n"
            b"APCA-API-KEY-ID: %b\r\nAPCA-API-SECRET-KEY: %b\r\n\r\n"
        ) % (path, self.key_id.encode(), self.secret.encode())


def settle(count: int, market: Market, *, first: int = 0) -> list[Person]:
    """Store `count` users with one account and one key each, numbered from `first` on, and return their keys.

    They are of the tier with the largest budget: 3,000 requests a minute each.
    """
    from django.db import transaction
    from django.utils import timezone

    from accounts.models import ApiKey, Tier, User
    from accounts.models.api_key import digest, new_secret
    from accounts.models.user import new_id
    from trading.models import Journal, LedgerAccount, Posting, TradingAccount

    now = timezone.now()
    users = [
        User(email=f"bench{number}@raxx.example", tier=Tier.PRO_PLUS)
        for number in range(first, first + count)
    ]
    accounts = [
        TradingAccount(
            user=user, market=market, number=f"PB{number:010}", cash=CASH, multiplier=4, created_at=now
        )
        for number, user in enumerate(users, start=first)
    ]
    journals = [
        Journal(
            id=new_id(), kind=Journal.Kind.DEPOSIT, at=now, user_id=account.user_id, account_id=account.pk
        )
        for account in accounts
    ]
    postings = [
        Posting(
            journal_id=journal.pk,
            ledger=ledger,
            amount=amount,
            user_id=journal.user_id,
            account_id=journal.account_id,
        )
        for journal in journals
        for ledger, amount in ((LedgerAccount.CASH, CASH), (LedgerAccount.CAPITAL, -CASH))
    ]
    secrets = [new_secret() for _ in accounts]
    keys = [
        ApiKey(user_id=account.user_id, account_id=account.pk, secret_hash=digest(secret))
        for account, secret in zip(accounts, secrets, strict=True)
    ]
    with transaction.atomic():
        User.objects.bulk_create(users)
        TradingAccount.objects.bulk_create(accounts)
        Journal.objects.bulk_create(journals)
        Posting.objects.bulk_create(postings)
        ApiKey.objects.bulk_create(keys)
    return [Person(key_id=key.pk, secret=secret) for key, secret in zip(keys, secrets, strict=True)]


def orders_of(people: list[Person], market: Market) -> Iterator[bytes]:
    """Return requests without end: limit orders of these people in turn, in the market's symbols in turn.

    They buy one share at a price that no market of ours comes near, so that they rest.
    """
    from trading.services.markets import symbols_of

    bodies = [
        b'{"symbol": "%b", "qty": "1", "side": "buy", "type": "limit", "limit_price": "1.25", "time_in_force": "day"}'
        % symbol.encode()
        for symbol in symbols_of(market)
    ]
    rounds = [
        person.post(bodies[(number + start) % len(bodies)])
        for start in range(len(bodies))
        for number, person in enumerate(people)
    ]
    return itertools.cycle(rounds)
