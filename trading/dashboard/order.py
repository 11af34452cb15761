"""One order: what it asks for, what has happened to it and why, and, while it is open, how to change it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from accounts.dashboard.words import WORDS
from matching.engine.types import Rule
from trading.dashboard.order_words import ORDER_WORDS
from trading.dashboard.page import PaperPage
from trading.explaining.rules import RULES
from trading.review.life import life_of
from trading.templatetags.order_terms import EVENTS
from trading.wire import plain

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest

    from trading.explaining.story import Step
    from trading.models import Order
    from trading.review.life import Life

STEPS_FIRST, STEPS_LAST = 20, 100  # that are shown of a longer story
FILLS = frozenset({"partial_fill", "fill"})
CHANGEABLE = frozenset({"pending_new", "accepted", "new", "partially_filled", "held", "done_for_day"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A term that a replacement may change, under the wire's name for it."""

    name: str
    value: str
    unit: str  # dollars, shares, or percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A step of the story, with its instant."""

    step: Step
    at: datetime

    @property
    def sentence(self) -> str:
        """What is said of it beyond its name: "" where that says it all."""
        said = self.step.sentence
        return "" if said.rstrip(".") == str(EVENTS.get(self.step.event)) else said

    @property
    def is_fill(self) -> bool:
        """Say whether something was traded."""
        return self.step.event in FILLS


class OrderPage(PaperPage):
    """`/paper/<number>/orders/<id>`."""

    template = "trading/order.html"
    section = "history"
    parts: ClassVar[tuple[str, ...]] = ("order_story", "order_family")

    def whole(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - the address says it all
        """Return what may be changed."""
        life = self._life(kwargs["order_id"])
        return {
            "fields": _fields(life.order),
            "is_changeable": life.order.status in CHANGEABLE,
            "words": {**WORDS, **ORDER_WORDS},
        }

    def order_story(self, _request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        """Return what has happened to it, and what it waits for."""
        life = self._life(kwargs["order_id"])
        told = [Told(step=step, at=datetime.fromisoformat(step.at)) for step in life.explanation.steps]
        hidden = max(0, len(told) - STEPS_FIRST - STEPS_LAST)
        fills = [each for each in told if each.is_fill]
        rules = {step.step.rule for step in told} | {getattr(life.explanation.waiting, "rule", None)}
        return {
            "life": life,
            "order": life.order,
            "first_steps": told[:STEPS_FIRST] if hidden else told,
            "hidden": hidden,
            "last_steps": told[-STEPS_LAST:] if hidden else [],
            "fills": fills[-STEPS_LAST:],
            "fills_hidden": max(0, len(fills) - STEPS_LAST),
            "rules": [(rule.value, RULES[rule]) for rule in Rule if rule.value in rules and rule in RULES],
            "is_changeable": life.order.status in CHANGEABLE,
        }

    def order_family(self, _request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        """Return its figures, its class, and what it replaced or was replaced by."""
        life = self._life(kwargs["order_id"])
        return {"life": life, "order": life.order}

    def _life(self, order_id: UUID) -> Life:
        """Return the order, read once for all parts of a page."""
        if not hasattr(self, "_known"):
            self._known = life_of(self.principal, order_id)
        return self._known


def _fields(order: Order) -> list[Field]:
    """Return the terms that a replacement of this order may change."""
    found = []
    if order.quantity is not None:
        found.append(Field(name="qty", value=plain(order.quantity), unit="shares"))
    if order.limit_price is not None:
        found.append(Field(name="limit_price", value=plain(order.limit_price), unit="dollars"))
    if order.stop_price is not None and order.type != "trailing_stop":
        found.append(Field(name="stop_price", value=plain(order.stop_price), unit="dollars"))
    if order.trail_price is not None:
        found.append(Field(name="trail", value=plain(order.trail_price), unit="dollars"))
    if order.trail_percent is not None:
        found.append(Field(name="trail", value=plain(order.trail_percent), unit="percent"))
    return found
