"""What the script of the webhooks' page says."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

WEBHOOK_WORDS = {
    "hook_made": _("The webhook was made. It hears every order event from now on."),
    "hook_rotated": _("The secret is another one now. It signs from the next message on."),
    "hook_paused": _("It is paused: nothing is sent to it, and it does not miss anything."),
    "hook_resumed": _("It is on again. What waited is sent now, in order."),
    "hook_deleted": _("The webhook was deleted."),
    "hook_tested": _("A test message is on its way. Its attempt appears below in a moment."),
    "hook_replayed": _("Messages from event {sequence} on are sent again: {count}."),
    "hook_delete": _("Nothing more is sent there. What was delivered stays on record for 30 days."),
    "hook_rotate": _(
        "Messages are signed with the new secret at once: the receiver refuses them until it knows it."
    ),
    "hook_replay": _(
        "All events from {sequence} on are sent again, in order. The receiver gets them a second time."
    ),
    "hook_on": _("on"),
    "hook_off": _("paused"),
    "hook_failing": _("{failures} failures in a row"),
    "hook_test_message": _("test message"),
    "hook_event": _("event {sequence}"),
    "hook_delivered": _("delivered"),
    "hook_attempt": _("attempt {attempt}"),
    "hook_answered": _("answered {status} after {ms} ms"),
    "hook_after": _("after {ms} ms"),
}
