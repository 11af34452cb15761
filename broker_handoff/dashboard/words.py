"""What the live pages say of statuses, guards and differences, and the texts of their scripts.

A guard's refusal itself, with its figures, comes from `broker_handoff.guards`; here is what can be done about it.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

LIVE_WORDS = {
    "live_switch_closed": _("Closed. Nothing new is sent. Being sent at that very moment: {count}."),
    "live_switch_closed_unsure": _(
        "Closed. Nothing new is sent; some that were being sent were not waited for."
    ),
    "live_switch_opened": _("What you had closed is open again."),
    "live_open": _("Orders that you confirm from now on may be sent. It asks for your passkey."),
    "live_leaving": _("On the way to the broker …"),
    "live_disconnect": _(
        "Nothing is sent to the broker any more, its token is taken back there and shredded here. Orders that are"
        " open at the broker stay open: look after them there."
    ),
    "live_disconnected": _("Disconnected."),
    "live_limits_set": _("The limits are set. They hold from the next order on."),
    "live_needed": _("This is needed."),
    "live_named": _("This account is judged from now on. Whole months after today count."),
    "live_name": _("Months of another account count no longer, and only whole months after today count."),
    "live_typed_wrong": _("That is not the figure of the order: {amount}. Nothing was sent."),
    "live_accepted": _("Accepted. One moment …"),
    "live_cancel": _("The broker is asked to cancel what of it is still open. It asks for your passkey."),
    "live_sentence_buy": _("Buy {amount} {symbol}"),
    "live_sentence_sell": _("Sell {amount} {symbol}"),
    "live_shares": _("{qty} shares of"),
    "live_dollars": _("for ${notional}:"),
}

STATUSES = {
    "accepted": _("Accepted: it is sent in a moment"),
    "sending": _("Being sent: whether the broker has it is not known yet"),
    "working": _("Working at the broker"),
    "filled": _("Filled"),
    "canceled": _("Canceled"),
    "rejected": _("Rejected by the broker"),
    "expired": _("Expired"),
    "replaced": _("Replaced by another one"),
    "done": _("Done: the broker has taken it"),
    "refused": _("Refused by the broker: it does not have it"),
    "blocked": _("Stopped by a guard: nothing was sent"),
    "lapsed": _("Too late: nothing was sent, or it never arrived"),
    "unresolved": _("Not known: the way to ask the broker is gone. Look there"),
}
SHORT = {
    "accepted": _("accepted"),
    "sending": _("being sent"),
    "working": _("working"),
    "filled": _("filled"),
    "canceled": _("canceled"),
    "rejected": _("rejected"),
    "expired": _("expired"),
    "replaced": _("replaced"),
    "done": _("done"),
    "refused": _("refused"),
    "blocked": _("stopped"),
    "lapsed": _("too late"),
    "unresolved": _("not known"),
}
GOOD = frozenset({"filled", "done", "working"})
BAD = frozenset({"rejected", "refused", "blocked", "lapsed", "unresolved"})

# By reason: a guard's name, or a word of the sending's.
REASONS = {
    "live_off": _("This installation has live trading switched off."),
    "switch_global": _(
        "The staff has stopped live orders of everybody. Two of them must open the switch again."
    ),
    "switch_user": _(
        "A kill switch of yours is closed: your own you can open, the staff's takes two of them."
    ),
    "switch_connection": _("The kill switch of this connection is closed."),
    "deactivated": _("This person is deactivated."),
    "not_connected": _("No broker was connected any more."),
    "needs_reauth": _("The broker did not take the token any more: connect anew."),
    "consent_expired": _("The consent is over: connect anew, which gives it for another 90 days."),
    "cooling_down": _("Access was recovered lately, so live trading waits for a while."),
    "tier": _("The tier has no live trading."),
    "gate": _("The gate was not open any more."),
    "market_closed": _("The market did not take this order at that time."),
    "no_price": _("Nothing fresh was known of the market's price, so the order's worth could not be judged."),
    "price_distance": _("The order's price was further from the market's than the limit allows."),
    "order_notional": _("The order was worth more than the limit of one order."),
    "day_notional": _("With this order the day would have been worth more than its limit."),
    "open_orders": _("There were as many open orders as the limit allows."),
    "duplicate": _("The same order had been sent moments before."),
    "deadline": _("It could not be sent in time. After two minutes nothing is ever sent."),
    "not_open": _("The order that it was about was over already."),
    "not_sent": _("Nothing had been sent."),
    "not_there": _("The broker has said twice that it does not have it, so it is sent again."),
    "late": _("The broker had it after all."),
    "broker": _("The broker said no."),
    "vault": _("The token could not be opened. Nothing was sent."),
}

DIFFERENCES = {
    "order_not_ours": _("An order is open at the broker that was not placed here"),
    "order_missing": _("An order works by what is known here, and the broker has none"),
    "order_after_end": _("An order is open at the broker, though it was said to be over"),
    "terms_differ": _("An order at the broker has other terms than were confirmed"),
    "fills_shrank": _("The broker tells of less filled than before"),
    "position_differs": _("A position is not what was there at first and the fills since"),
}
