"""A bot as anybody would write it: the unmodified SDK, one stream, and patience with failures.

Orders are placed while the tape stands still, so what happens to them is the tape's doing alone.
A call whose answer was lost is not simply sent again: the bot looks its client_order_id up first.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import requests
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.models import Order, TradeUpdate
from alpaca.trading.requests import (
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
)
from alpaca.trading.stream import TradingStream

from tests.acceptance.rawtape import SYMBOL
from tests.acceptance.script import Action, Cancel, CancelAll, Near, Place, Replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

MIDNIGHT = datetime(2013, 10, 8, 4, tzinfo=UTC)  # in New York
PATIENCE_S = 60.0
LOOK_S = 0.1  # between two looks at what has no event, or whose event may have been missed

# No answer, one that never came, and half of one.
LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)

Answer = TypeVar("Answer")


def instant(ms: int) -> datetime:
    """Return milliseconds since midnight in New York as UTC."""
    return MIDNIGHT + timedelta(milliseconds=ms)


def ms_since_midnight(at: datetime) -> int:
    """Return the whole milliseconds; the tape knows nothing finer, so a rest is an error."""
    ms, rest = divmod(at - MIDNIGHT, timedelta(milliseconds=1))
    assert not rest, f"{at} is no instant of the tape"
    return ms


class Listener:
    """The account's trade updates as the SDK's stream delivers them, in a thread of its own."""

    def __init__(self, demo: dict[str, str]) -> None:
        url = demo["base_url"].replace("http", "ws", 1) + "/stream"
        self._stream = TradingStream(demo["key_id"], demo["secret"], url_override=url)
        self._stream.subscribe_trade_updates(self._hear)
        self._thread = threading.Thread(target=self._stream.run, name="trading-stream", daemon=True)
        self.heard = threading.Condition()
        self.updates: list[TradeUpdate] = []

    async def _hear(self, update: TradeUpdate) -> None:
        with self.heard:
            self.updates.append(update)
            self.heard.notify_all()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stream.stop()
        self._thread.join(timeout=PATIENCE_S)
        assert not self._thread.is_alive()

    def wait_for(self, is_there: Callable[[], bool], *, within_s: float) -> bool:
        """Wait until what was heard satisfies a condition; return whether it does."""
        with self.heard:
            return self.heard.wait_for(is_there, timeout=within_s)


@dataclass
class Bot:
    """Plays a script at a broker. `name` makes its client_order_ids its own.

    `is_patient` lets it live through a broker that fails for a while; otherwise every failure is
    the test's. `before_action` is called with each action's number, for whoever wants to disturb.
    """

    demo: dict[str, str]
    name: str
    is_patient: bool = False
    before_action: Callable[[int], None] | None = None
    lost_answers: int = 0
    _actions: int = 0
    client: TradingClient = field(init=False)
    listener: Listener = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.sdk()
        self.listener = Listener(self.demo)

    def sdk(self) -> TradingClient:
        demo = self.demo
        return TradingClient(demo["key_id"], demo["secret"], url_override=demo["base_url"])

    def __enter__(self) -> Self:
        self.listener.start()
        try:
            self._until_heard()
        except BaseException:
            self.listener.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.stop()

    # What a script asks for

    def advance(self, ms: int) -> None:
        """Move the tape; done when every decision up to the instant is committed."""
        self._disturbed()
        self.again(lambda: self.tape("advance", {"to": instant(ms).isoformat()}))

    def act(self, action: Action) -> None:
        """Do one thing, and wait until the market has decided it."""
        self._disturbed()
        match action:
            case Place():
                self.again(lambda: self._place(action))
                self._until_decided(action.label)
            case Cancel(label):
                self.again(lambda: self._cancel(label))
                self._until_decided(label)
            case Replace():
                self.again(lambda: self._replace(action))
                self._until_decided(action.old, action.label)
            case CancelAll():
                going = [str(order.client_order_id) for order in self.open_orders()]
                self.again(self.client.cancel_orders)
                self._until_decided(*(name.partition("/")[2] for name in going))

    def _place(self, action: Place) -> None:
        if self._found(action.label) is not None:
            return  # its answer was lost, it was not
        common = {
            "symbol": SYMBOL,
            "qty": None if action.quantity is None else float(action.quantity),
            "notional": None if action.notional is None else float(action.notional),
            "side": OrderSide(action.side),
            "time_in_force": TimeInForce(action.time_in_force),
            "extended_hours": action.extended_hours or None,
            "client_order_id": self._id(action.label),
        }
        if action.limit is None:
            self.client.submit_order(MarketOrderRequest(**common))
        else:
            self.client.submit_order(LimitOrderRequest(**common, limit_price=_number(action.limit)))

    def _cancel(self, label: str) -> None:
        order = self.order(label)
        if order.status.value not in {"pending_cancel", "canceled"}:
            self.client.cancel_order_by_id(order.id)

    def _replace(self, action: Replace) -> None:
        if self._found(action.label) is not None:
            return
        wish = ReplaceOrderRequest(
            qty=None if action.quantity is None else int(action.quantity),
            limit_price=None if action.limit is None else _number(action.limit),
            client_order_id=self._id(action.label),
        )
        self.client.replace_order_by_id(self.order(action.old).id, wish)

    # What it sees

    def order(self, label: str) -> Order:
        """Return one of its orders as REST tells it."""
        order = self.client.get_order_by_client_id(self._id(label))
        assert isinstance(order, Order)
        return order

    def open_orders(self) -> list[Order]:
        return self._listed(QueryOrderStatus.OPEN)

    def all_orders(self) -> list[Order]:
        """Return its orders, oldest first."""
        return [order for order in self._listed(QueryOrderStatus.ALL) if self.is_mine(order)]

    def is_mine(self, order: Order) -> bool:
        return order.client_order_id.startswith(f"{self.name}/") and not order.client_order_id.endswith("?")

    def label_of(self, order: Order) -> str:
        return order.client_order_id.partition("/")[2]

    def updates(self) -> list[TradeUpdate]:
        """Return what the stream has told of its orders."""
        return [update for update in self.listener.updates if self.is_mine(update.order)]

    def tape(self, control: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Use the operator's hand on the tape."""
        headers = {"APCA-API-KEY-ID": self.demo["key_id"], "APCA-API-SECRET-KEY": self.demo["secret"]}
        url = f"{self.demo['base_url']}/raxx/v1/market/tape/{control}"
        answer = requests.post(url, json=body or {}, headers=headers, timeout=PATIENCE_S)
        if answer.status_code == 503:
            raise requests.ConnectionError(answer.text)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def restart_tape(self) -> None:
        """Begin the tape's next run; repeating it would begin one more, which is as good."""
        self.again(lambda: self.tape("restart"))

    # How it waits

    def _until_heard(self) -> None:
        """Wait until the stream tells events: it says nothing of those before it listened.

        Orders far from the market are its knocks on the door; they are not part of any script.
        """
        is_heard = any(self._is_heard_knocking(f"{self.name}/{number}?") for number in range(int(PATIENCE_S)))
        assert is_heard, "the stream tells nothing"

    def _is_heard_knocking(self, name: str) -> bool:
        knock = LimitOrderRequest(
            symbol=SYMBOL,
            qty=1,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.DAY,
            limit_price=1,
            client_order_id=name,
        )
        order = self.client.submit_order(knock)
        assert isinstance(order, Order)
        is_heard = self.listener.wait_for(lambda: self._is_told(name, "accepted"), within_s=1.0)
        self.client.cancel_order_by_id(order.id)
        if is_heard:
            is_over = self.listener.wait_for(lambda: self._is_told(name, "canceled"), within_s=PATIENCE_S)
            assert is_over, f"{name} is not canceled after {PATIENCE_S} s"
        return is_heard

    def _is_told(self, name: str, event: str) -> bool:
        return any(
            update.order.client_order_id == name and _text(update.event) == event
            for update in self.listener.updates
        )

    def _until_decided(self, *labels: str) -> None:
        """Wait until no wish of ours on these orders is pending any more."""
        deadline = time.monotonic() + PATIENCE_S
        for label in labels:
            while (status := self._status(label)).startswith("pending_"):
                assert time.monotonic() < deadline, f"{label} is still {status} after {PATIENCE_S} s"
                self._until_something_is_told()

    def _status(self, label: str) -> str:
        return str(self.again(partial(self.order, label)).status.value)

    def _until_something_is_told(self) -> None:
        told = len(self.listener.updates)
        self.listener.wait_for(lambda: len(self.listener.updates) > told, within_s=LOOK_S)

    def until_told(self, count: int) -> None:
        """Wait until the stream has told so many events of our orders."""
        self.listener.wait_for(lambda: len(self.updates()) >= count, within_s=PATIENCE_S)

    def again(self, call: Callable[[], Answer]) -> Answer:
        """Return what a call returns; with patience, through lost connections and 503s."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return call()
            except LOST as error:
                failure: Exception = error
            except APIError as error:
                if error.status_code != 503 and not self._is_own_repetition(error):
                    raise
                failure = error
            self.lost_answers += 1
            assert self.is_patient, f"the broker failed: {failure}"
            assert time.monotonic() < deadline, f"the broker failed for {PATIENCE_S} s: {failure}"
            with self.listener.heard:  # nothing tells a client when a broker is back
                self.listener.heard.wait(timeout=LOOK_S)

    def _is_own_repetition(self, error: APIError) -> bool:
        """Whether it refuses what it already did for us: a look at our orders will show it."""
        return self.is_patient and self.lost_answers > 0 and error.status_code == 422

    def _found(self, label: str) -> Order | None:
        if not self.is_patient:
            return None
        try:
            return self.order(label)
        except APIError as error:
            if error.status_code != 404:
                raise
        return None

    def _listed(self, status: QueryOrderStatus) -> list[Order]:
        wanted = GetOrdersRequest(status=status, limit=500, direction=Sort.ASC)
        found = self.again(lambda: self.client.get_orders(wanted))
        assert isinstance(found, list)
        return found

    def _disturbed(self) -> None:
        self._actions += 1
        if self.before_action is not None:
            self.before_action(self._actions)

    def _id(self, label: str) -> str:
        return f"{self.name}/{label}"


def _number(price: Near | Decimal) -> float:
    assert not isinstance(price, Near), "the script's prices are not resolved"
    return float(price)  # as the SDK takes it; its shortest text is the decimal


def _text(event: Any) -> str:
    return str(getattr(event, "value", event))
