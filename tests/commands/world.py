"""What the rows of the table of commands stand on: a person with an account, two of the staff, a market whose time stands.

What only some of the rows need is made by their `prepare`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.services.audit import record
from accounts.services.resets import ask_for_reset
from broker_handoff import adapters
from broker_handoff.models import GateOverride
from broker_handoff.services.switches import ask_to_open, close_as_staff
from matching.market.calendar import ALWAYS_OPEN
from tests.broker_handoff.fake import FakeBroker
from tests.broker_handoff.people import make_connection
from tests.broker_handoff.records import LONG_AGO, NOW, SEASON, replay_at
from tests.factories.calendar import store_season
from tests.factories.rows import make_account, make_api_key, make_asset, make_market, make_user, make_webhook
from trading.models import TradingAccount

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from accounts.models import ApiKey
    from broker_handoff.ports import Broker
    from matching.models import Market
    from trading.models import WebhookEndpoint

ANN, SAM, KIM = "ann@example.com", "sam@example.com", "kim@example.com"
ASSETS = "symbol,name,exchange,shortable,maker\nacme,Acme Ltd,ARCA,no,x\nNEWS,News,,,\n"
TICKS = "symbol,time,price,size\nIBM,2013-10-08T13:30:00Z,181.05,100\n"


@dataclass
class World:
    """`made` are the ids of what a row's `prepare` has made, by what it is."""

    folder: Path
    request: pytest.FixtureRequest
    market: Market = field(init=False)
    account: TradingAccount = field(init=False)
    key: ApiKey = field(init=False)
    endpoint: WebhookEndpoint = field(init=False)
    made: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.market = replay_at(starts_at=LONG_AGO, ends_at=NOW + timedelta(days=1))
        ann = make_user(email=ANN, tier="pro")
        make_user(email=SAM, is_staff=True)
        make_user(email=KIM, is_staff=True)
        self.account = make_account(ann, market=self.market, cash=1_000, created_at=LONG_AGO)
        self.key = make_api_key(self.account)
        self.endpoint = make_webhook(self.account, cursor=0)
        make_asset("ACME")

    @property
    def ann(self) -> User:
        return User.objects.get(email=ANN)

    def now(self) -> TradingAccount:
        """Return the account as it is."""
        return TradingAccount.objects.get(pk=self.account.pk)

    def file(self, name: str, text: str = "") -> str:
        """Return the path of a file of the row's, written where there is a text."""
        path = self.folder / name
        if text:
            path.write_text(text, encoding="utf-8")
        return str(path)

    def tell_something(self) -> None:
        """Have an entry in the audit log."""
        with transaction.atomic():
            record(action="user.invited", user_id=self.ann.pk, after={"is_new": True})

    def ask_for_reset(self) -> None:
        """Have Sam ask for a reset of Ann's passkeys."""
        self.made["reset"] = ask_for_reset(email=ANN, ticket="T", operator=SAM).pk

    def close_switch(self, *, is_asked: bool = False) -> None:
        """Have the switch closed by Sam, who perhaps asks that it be opened."""
        sam = User.objects.get(email=SAM)
        self.made["closing"] = close_as_staff(operator=sam, scope="global", reason="r").closing.pk
        if is_asked:
            ask_to_open(closing_id=self.made["closing"], operator=sam, reason="mended")

    def connect(self, count: int = 2) -> None:
        """Have so many people connected to a broker that takes tokens back."""
        self.request.getfixturevalue("oauth")
        keys = adapters.key_service()
        for number in range(count):
            make_connection(token=f"token {number}", keys=keys)

    def override(self) -> None:
        """Have an exception from the gate that Sam and Kim have agreed to."""
        sam, kim = (User.objects.get(email=email) for email in (SAM, KIM))
        now = timezone.now()
        ends = now + timedelta(days=9)
        found = GateOverride.objects.create(
            user=self.ann, reason="r", asked_by=sam.pk, approved_by=kim.pk, approved_at=now, expires_at=ends
        )
        self.made["override"] = found.pk

    def cast_a_shadow(self) -> None:
        """Have a shadow that answers, and Ann's account in a market that may be mirrored."""
        self.request.getfixturevalue("monkeypatch").setattr(adapters, "shadow", _shadow)
        market = make_market(feed="synthetic", paused=False, calendar=ALWAYS_OPEN)
        self.account = make_account(self.ann, market=market, cash=1_000)

    def open_calendars(self) -> None:
        """Have days of both calendars, as an installation has them."""
        store_season(SEASON)


def _shadow() -> Broker:
    return FakeBroker().build("a token")
