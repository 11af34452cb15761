"""One order with all that belongs to it: its story, its class, and the orders that it replaced or that replaced it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Q

from matching.engine.states import TERMINAL
from trading.models import Order
from trading.services.explanations import explain_order

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from trading.principal import Principal
    from trading.services.explanations import Explanation

CHAIN_MOST = 50  # orders, each way

# `replaces` and `replaced_by` are the two directions of one chain; the account's own rows alone.
_CHAIN = """
with recursive mine as (
  select id, replaces, replaced_by from trading_order
   where id = %(order)s and account_id = %(account)s and user_id = %(owner)s),
earlier as (
  select id, replaces, 0 as step from mine
  union all
  select o.id, o.replaces, e.step + 1 from earlier e join trading_order o on o.id = e.replaces
   where o.account_id = %(account)s and o.user_id = %(owner)s and e.step < %(most)s),
later as (
  select id, replaced_by, 0 as step from mine
  union all
  select o.id, o.replaced_by, l.step + 1 from later l join trading_order o on o.id = l.replaced_by
   where o.account_id = %(account)s and o.user_id = %(owner)s and l.step < %(most)s)
select id from (select id, -step as place from earlier union select id, step from later) c order by place
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """An order. `chain` is from the first one on to the last that replaced it, itself among them; none if alone."""

    order: Order
    explanation: Explanation
    parent: Order | None
    legs: Sequence[Order]
    chain: Sequence[Order]

    @property
    def is_open(self) -> bool:
        """Say whether it may still change."""
        return self.order.status not in TERMINAL


def life_of(principal: Principal, order_id: UUID) -> Life:
    """Return one of the account's orders. Raises NotFound."""
    explanation = explain_order(principal=principal, order_id=order_id)
    mine = Order.objects.owned_by(principal, principal.account_id)
    order = mine.select_related("asset").get(pk=order_id)
    chain = _chain(principal, order)
    wanted = Q(pk__in=chain)
    if order.group_id is not None:
        wanted |= Q(parent=order.pk, group_id=order.group_id)
    if order.parent is not None:
        wanted |= Q(pk=order.parent)
    rows = {row.pk: row for row in mine.filter(wanted).order_by("command_no")}
    return Life(
        order=order,
        explanation=explanation,
        parent=None if order.parent is None else rows.get(order.parent),
        legs=[row for row in rows.values() if row.parent == order.pk],
        chain=[rows[pk] for pk in chain if pk in rows] if len(chain) > 1 else [],
    )


def _chain(principal: Principal, order: Order) -> list[UUID]:
    if order.replaces is None and order.replaced_by is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _CHAIN,
            {
                "order": order.pk,
                "account": principal.account_id,
                "owner": principal.user_id,
                "most": CHAIN_MOST,
            },
        )
        return [pk for (pk,) in cursor.fetchall()]
