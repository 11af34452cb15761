"""What every adapter of `broker_handoff.ports.Broker` must do. A second broker is an adapter that passes this.

A test class inherits `BrokerContract` and has a fixture `stand`: an account of the broker's, empty of orders
of ours, and what the test needs to know of it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from broker_handoff.ports import BrokerRefused, TokenRefused
from broker_handoff.states import IntentStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from broker_handoff.ports import Broker, BrokerOrder

HEARD_WITHIN_S = 20.0


@dataclass
class Stand:
    """`resting` are terms of an order that stays open, `refused` of one that the broker says no to."""

    build: Callable[[str], Broker]
    token: str
    number: str
    resting: dict[str, str]
    refused: dict[str, str]

    @property
    def broker(self) -> Broker:
        """A client for one request."""
        return self.build(self.token)


class BrokerContract:
    def test_a_token_opens_its_account(self, stand: Stand) -> None:
        account = stand.broker.account()

        assert (account.number, account.is_active, account.is_blocked) == (stand.number, True, False)

    def test_a_market_is_open_or_not(self, stand: Stand) -> None:
        assert stand.broker.is_open() in {True, False}

    def test_a_token_that_opens_nothing_is_told_from_a_refusal(self, stand: Stand) -> None:
        with pytest.raises(TokenRefused):
            stand.build("nobody.nothing").account()

    def test_an_order_is_found_by_our_id_as_it_was_sent(self, stand: Stand) -> None:
        mine = uuid4()

        sent = stand.broker.submit(mine, stand.resting)
        found = stand.broker.order_of(mine)

        assert found is not None
        assert (found.id, found.client_order_id) == (sent.id, str(mine))
        assert (found.symbol, found.side) == (stand.resting["symbol"], stand.resting["side"])
        assert str(found.quantity) == stand.resting["qty"]
        assert (found.status, found.filled_quantity) == (IntentStatus.WORKING, 0)

    def test_an_id_that_was_never_sent_is_not_there(self, stand: Stand) -> None:
        assert stand.broker.order_of(uuid4()) is None

    def test_an_id_is_taken_once(self, stand: Stand) -> None:
        mine = uuid4()
        first = stand.broker.submit(mine, stand.resting)

        with pytest.raises(Exception, match="client_order_id"):
            stand.broker.submit(mine, stand.resting)

        found = stand.broker.order_of(mine)
        assert found is not None
        assert found.id == first.id

    def test_a_refusal_has_the_brokers_words_and_leaves_nothing(self, stand: Stand) -> None:
        mine = uuid4()

        with pytest.raises(BrokerRefused) as refusal:
            stand.broker.submit(mine, stand.refused)

        assert refusal.value.words
        assert not isinstance(refusal.value, TokenRefused)
        assert stand.broker.order_of(mine) is None

    def test_a_canceled_order_is_over_and_not_open(self, stand: Stand) -> None:
        mine = uuid4()
        order = stand.broker.submit(mine, stand.resting)
        assert order.id in {one.id for one in stand.broker.open_orders()}

        stand.broker.cancel(order.id)

        over = self._until(stand, mine, IntentStatus.CANCELED)
        assert order.id not in {one.id for one in stand.broker.open_orders()}
        with pytest.raises(BrokerRefused):
            stand.broker.cancel(over.id)

    def test_a_replacement_is_a_new_order_under_its_own_id(self, stand: Stand) -> None:
        first, second = uuid4(), uuid4()
        order = stand.broker.submit(first, stand.resting)
        self._settled(stand, first)

        made = stand.broker.replace(order.id, second, {"qty": "2"})

        assert made.client_order_id == str(second)
        assert made.id != order.id
        self._until(stand, first, IntentStatus.REPLACED)
        found = stand.broker.order_of(second)
        assert found is not None
        assert (str(found.quantity), found.status) == ("2", IntentStatus.WORKING)

    def test_what_is_held_has_a_symbol_and_a_quantity(self, stand: Stand) -> None:
        for position in stand.broker.positions():
            assert position.symbol
            assert position.quantity != 0

    def test_the_stream_tells_of_an_order_and_of_its_end(self, stand: Stand) -> None:
        mine = uuid4()
        heard: list[BrokerOrder] = []
        is_over = threading.Event()
        updates = stand.broker.updates()

        def listen() -> None:
            for order in updates:
                if order.client_order_id == str(mine):
                    heard.append(order)
                    if order.status is IntentStatus.CANCELED:
                        is_over.set()
                        return

        thread = threading.Thread(target=listen)
        thread.start()
        order = stand.broker.submit(mine, stand.resting)
        self._settled(stand, mine)
        stand.broker.cancel(order.id)

        assert is_over.wait(HEARD_WITHIN_S)
        thread.join(HEARD_WITHIN_S)
        assert {one.id for one in heard} == {order.id}
        assert [one.status for one in heard][-1] is IntentStatus.CANCELED

    def test_the_stream_does_not_take_a_token_that_opens_nothing(self, stand: Stand) -> None:
        with pytest.raises(TokenRefused):
            stand.build("nobody.nothing").updates()

    # A broker answers for a wish before it is done: these ask until it is, each question a real exchange.

    def _until(self, stand: Stand, mine: object, status: IntentStatus) -> BrokerOrder:
        for _ in range(500):
            order = stand.broker.order_of(mine)  # type: ignore[arg-type]
            if order is not None and order.status is status:
                return order
        raise AssertionError(f"{mine} does not become {status}: {order}")

    def _settled(self, stand: Stand, mine: object) -> BrokerOrder:
        for _ in range(500):
            order = stand.broker.order_of(mine)  # type: ignore[arg-type]
            if order is not None and not order.word.startswith("pending"):
                return order
        raise AssertionError(f"{mine} stays pending: {order}")
