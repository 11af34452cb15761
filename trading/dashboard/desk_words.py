"""What the scripts of the account's page say."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

DESK_WORDS = {
    "cancel_order": _("Cancel this order?"),
    "cancel_order_text": _("{order}. What has been filled of it stays."),
    "cancel_yes": _("Cancel the order"),
    "cancel_asked": _("The cancel was asked for. The market decides, in order."),
    "cancel_all": _("Cancel all open orders?"),
    "cancel_all_text": _("All of this account, also those that are not shown here."),
    "cancel_all_yes": _("Cancel all"),
    "cancel_all_asked": _("All cancels were asked for. The market decides, in order."),
    "close": _("Close the position in {symbol}?"),
    "close_text": _(
        "A market order for all {quantity} shares is sent. Its price is the market's when it arrives."
    ),
    "close_yes": _("Close the position"),
    "close_asked": _("The order that closes {symbol} was sent."),
    "watched": _("{symbol} is on the watchlist."),
    "unwatched": _("{symbol} was taken off the watchlist."),
    "watchlist_name": _("Watchlist"),
    "curve": _(
        "From {first} to {last} the equity went from ${opening} to ${closing}, between ${low} and ${high}."
    ),
    "curve_begins": _("At {first} the equity was ${closing}. The line goes on from there."),
    "curve_none": _("There is nothing to draw in this period yet."),
}
