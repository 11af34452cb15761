"""One plain sentence for the whole order: what became of it, or what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.engine.states import Status
from trading.explaining.fills import verb
from trading.explaining.rules import STATUSES
from trading.explaining.words import dollars, shares
from trading.wire import ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading.explaining.story import Step, Subject, Waiting

_ENDS = frozenset({"canceled", "expired", "rejected", "replaced"})


def summary(subject: Subject, steps: Sequence[Step], waiting: Waiting | None) -> str:
    """Return the sentence; `steps` are those of the order, `waiting` what it waits for if it is open."""
    order, bought = subject.order, _bought(subject)
    if waiting is not None:
        return _joined(f"{bought} so far" if bought else "", waiting.sentence)
    last = next((step for step in reversed(steps) if step.event in _ENDS), None)
    if order.status == Status.FILLED and bought:
        fills = [step for step in steps if step.event in {"partial_fill", "fill"}]
        if len(fills) == 1:
            return fills[0].sentence
        rules = ", ".join(sorted({step.rule for step in fills if step.rule}))
        return (
            f"{bought} on average, in {len(fills)} fills (by {rules})." if fills else f"{bought} on average."
        )
    said = f"{STATUSES[Status(order.status)]}." if last is None else last.sentence
    return _joined(bought, said)


def _joined(begin: str, sentence: str) -> str:
    """Return both as one sentence."""
    return f"{begin}; {sentence[0].lower()}{sentence[1:]}" if begin else sentence


def _bought(subject: Subject) -> str:
    """Return what it has traded in all, "" for nothing."""
    order = subject.order
    if not order.filled_quantity:
        return ""
    average = dollars(ratio(order.filled_money, order.filled_quantity))
    of = "" if order.quantity in (None, order.filled_quantity) else f" of {shares(order.quantity)}"
    return f"{verb(order)} {shares(order.filled_quantity)}{of} at {average}"
