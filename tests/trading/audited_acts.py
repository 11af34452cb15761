"""One act for each way in which accounts, their settings, keys and webhooks are changed, and what it must tell."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.models.api_key import Scope
from tests.factories.rows import NOON
from trading.principal import Principal
from trading.services import (
    accounts,
    configuration,
    keys,
    markets,
    own_accounts,
    profiles,
    running_markets,
    tape,
    webhooks,
)
from trading.services.key_terms import KeyTerms
from trading.webhooks import delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import ApiKey
    from trading.models import TradingAccount


@dataclass
class World:
    """One person with one account, a key and a webhook."""

    account: TradingAccount
    key: ApiKey
    endpoint: Any

    @property
    def principal(self) -> Principal:
        return Principal(
            user_id=self.account.user_id,
            account_id=self.account.pk,
            market_id=self.account.market_id,
            scopes=frozenset(Scope.values),
            tier="pro_plus",
            key_id=self.key.pk,
        )


Told = list[tuple[str, str]]  # chain ("account", "user", "system") and action

ACTS: dict[str, tuple[Callable[[World], Any], Told]] = {
    "open_account": (
        lambda w: accounts.open_account(
            owner=w.account.user, market=w.account.market, cash=Decimal(500), now=NOON, name="second"
        ),
        [("new", "account.opened")],
    ),
    "create_account": (
        lambda w: accounts.create_account(
            email="new@example.com", market=w.account.market, cash=Decimal(500), now=NOON
        ),
        [("new", "user.created"), ("new", "account.opened")],
    ),
    "open_own_account": (
        lambda w: accounts.open_own_account(principal=w.principal, market=w.account.market, now=NOON),
        [("new", "account.opened")],
    ),
    "rename": (
        lambda w: own_accounts.change_account(owner=w.account.user, account_id=w.account.pk, name="Ben's"),
        [("account", "account.renamed")],
    ),
    "change profile": (
        lambda w: own_accounts.change_account(
            owner=w.account.user, account_id=w.account.pk, profile="instant"
        ),
        [("account", "profile.chosen")],
    ),
    "choose_profile": (
        lambda w: profiles.choose_profile(principal=w.principal, name="instant"),
        [("account", "profile.chosen")],
    ),
    "ask for a reset": (
        lambda w: own_accounts._ask_for_reset(w.account.user, w.account.pk, Decimal(70), None, ""),
        [("account", "account.reset_asked")],
    ),
    "ask for the end": (
        lambda w: own_accounts._ask_for_closing(w.account.user, w.account.pk),
        [("account", "account.archive_asked")],
    ),
    "configure": (
        lambda w: configuration.configure(
            principal=w.principal, changes={"no_shorting": True, "suspend_trade": False}
        ),
        [("account", "configuration.changed")],
    ),
    "create_api_key": (
        lambda w: keys.create_api_key(email=w.account.user.email, terms=KeyTerms(name="Ada's bot")),
        [("account", "api_key.created")],
    ),
    "create_own_key": (
        lambda w: keys.create_own_key(owner=w.account.user, account_id=w.account.pk, terms=KeyTerms()),
        [("account", "api_key.created")],
    ),
    "change_own_key": (
        lambda w: keys.change_own_key(owner=w.account.user, key_id=w.key.pk, name="other"),
        [("account", "api_key.changed")],
    ),
    "rotate_api_key": (
        lambda w: keys.rotate_api_key(key_id=w.key.pk),
        [("account", "api_key.rotated")],
    ),
    "revoke_api_key": (
        lambda w: keys.revoke_api_key(key_id=w.key.pk),
        [("account", "api_key.revoked")],
    ),
    "create_endpoint": (
        lambda w: webhooks.create_endpoint(
            principal=w.principal, url="https://ada.example/hook?token=hush", description="Ada's"
        ),
        [("account", "webhook.created")],
    ),
    "change_endpoint": (
        lambda w: webhooks.change_endpoint(
            principal=w.principal, endpoint_id=w.endpoint.pk, url="https://ben.example", is_enabled=False
        ),
        [("account", "webhook.changed")],
    ),
    "rotate_secret": (
        lambda w: webhooks.rotate_secret(principal=w.principal, endpoint_id=w.endpoint.pk),
        [("account", "webhook.secret_rotated")],
    ),
    "delete_endpoint": (
        lambda w: webhooks.delete_endpoint(principal=w.principal, endpoint_id=w.endpoint.pk),
        [("account", "webhook.deleted")],
    ),
    "replay": (
        lambda w: webhooks.replay(endpoint_id=w.endpoint.pk, from_seq=1),
        [("account", "webhook.replayed")],
    ),
    "replay_own": (
        lambda w: webhooks.replay_own(principal=w.principal, endpoint_id=w.endpoint.pk, from_seq=1),
        [("account", "webhook.replayed")],
    ),
    "give up a webhook": (
        lambda w: _put_off(w.endpoint),
        [("account", "webhook.disabled")],
    ),
    "define_profile": (
        lambda w: profiles.define_profile(name="careful", changes={"slippage_bps": 3}),
        [("system", "profile.defined")],
    ),
    "withdraw_profile": (
        lambda w: profiles.withdraw_profile(name="instant"),
        [("system", "profile.withdrawn")],
    ),
    "activate_market": (
        lambda w: markets.activate_market(feed="synthetic", symbols=["IBM"]),
        [("system", "market.activated")],
    ),
    "close_market": (
        lambda w: running_markets.close_market(w.account.market_id),
        [("system", "market.closed")],
    ),
    "make_default": (
        lambda w: running_markets.make_default(w.account.market_id),
        [("system", "market.made_default")],
    ),
    "set_shard_count": (
        lambda w: running_markets.set_shard_count(w.account.market_id, 2),
        [("system", "market.divided")],
    ),
    "restart a tape": (
        lambda w: tape.restart(w.account.market_id),
        [("system", "tape.restarted")],
    ),
}


def _put_off(endpoint: Any) -> None:
    with transaction.atomic():
        message = delivery._Message(seq=1, event_id="1", body=b"{}")
        delivery._put_off(
            endpoint, message, delivery._Met(at=NOON, duration_ms=1, status_code=410, error="gone")
        )
