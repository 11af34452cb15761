"""What the scripts of the symbol page say. The fact, then what to do; education, never advice."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

TICKET_WORDS = {
    # The chart
    "chart_summary": _(
        "{count} bars of {frame}, from {first} to {last} (New York). Lowest {low}, highest {high}, last {close}."
    ),
    "chart_empty": _("No trades of this symbol are known in this stretch of time."),
    "chart_failed": _("The chart cannot be shown just now. The ticket works without it."),
    "marker_buy": _("bought {quantity}"),
    "marker_sell": _("sold {quantity}"),
    "line_buy": _("buy {quantity}"),
    "line_sell": _("sell {quantity}"),
    "line_stop": _("stop"),
    # The ticket
    "incomplete": _("Fill in the ticket to see what the order would do."),
    "missing": _("This is needed."),
    "not_positive": _("This must be a number above zero."),
    "estimating": _("One moment …"),
    "no_estimate": _("There is no estimate just now. The order can be placed all the same."),
    "power_missing": _(
        "The order needs {cost_basis} dollars, and the buying power is {buying_power} dollars."
    ),
    "placing": _("Placing the order …"),
    "again_is_safe": _(
        "No answer came, so the order may have arrived or not. Trying again is safe: it goes under the same name, and"
        " one name is one order."
    ),
    "was_there": _("The order had arrived the first time."),
    "placed": _("The order is placed."),
    # An open order
    "cancel_order": _("Cancel this order?"),
    "cancel_yes": _("Cancel the order"),
    "cancel_asked": _("The cancel is asked for. What fills before it is decided stays filled."),
    "changed": _("The change is asked for. Until it is decided, the order works as it was."),
    "unchanged": _("Nothing was changed."),
    # Watchlist
    "watched": _("On the watchlist."),
    "unwatched": _("No longer on the watchlist."),
    "watchlist_name": _("Watchlist"),
    # How an order stands
    "status_pending_new": _("sent"),
    "status_accepted": _("accepted, not working yet"),
    "status_new": _("working"),
    "status_held": _("waits for its entry"),
    "status_partially_filled": _("partly filled: {filled} of {quantity}"),
    "status_filled": _("filled at {price} on average"),
    "status_pending_cancel": _("cancel asked for"),
    "status_pending_replace": _("change asked for"),
    "status_canceled": _("canceled"),
    "status_expired": _("expired"),
    "status_rejected": _("rejected"),
    "status_replaced": _("replaced"),
    "status_done_for_day": _("done for the day"),
    "status_other": _("{status}"),
}
