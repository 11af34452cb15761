"""What the script of the order page says. The fact, then what to do; education, never advice."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

ORDER_WORDS = {
    "cancel_title": _("Cancel this order?"),
    "cancel_text": _("What has filled stays filled. Until the cancel is decided, more may fill."),
    "cancel_yes": _("Cancel the order"),
    "cancel_asked": _("The cancel is asked for. What comes of it is told in the life of the order."),
    "nothing_changed": _("Nothing was changed: all terms are as they were."),
    "replaced": _("The change is asked for. One moment …"),
}
