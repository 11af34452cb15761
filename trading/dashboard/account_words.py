"""What the scripts of the pages about accounts, their simulation and their market say."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

ACCOUNT_WORDS = {
    "opened": _("The account {number} is open."),
    "renamed": _("The account is now called “{name}”."),
    "rename_title": _("Rename the account"),
    "rename_yes": _("Rename"),
    "reset_done": _("The account {number} has begun generation {generation}."),
    "reset_waits": _("Its open orders are being canceled; the account begins again as soon as that is done."),
    "archived": _("The account {number} is closed. All of it stays readable."),
    "archive_waits": _("Its open orders are being canceled; the account closes as soon as that is done."),
    "type_number": _("Type {number} to confirm."),
}

SIMULATION_WORDS = {
    "profile_chosen": _("New orders are simulated by “{name}”. Orders from before keep what they had."),
}

MARKET_WORDS = {
    "tape_moved": _("The market now stands at {at}, New York."),
    "tape_advancing": _("Moving the market. Every order up to there is decided first …"),
    "tape_restarting": _("Beginning the tape again …"),
    "tape_restarted": _("The tape has begun run {run}. Orders that were open are canceled."),
    "restart_title": _("Begin the tape again?"),
    "restart_text": _(
        "For everybody in this market: time goes back to the tape's beginning, and all open orders are canceled. Cash,"
        " positions and history stay as they are."
    ),
    "restart_yes": _("Begin again"),
    "no_instant": _("Choose a time of day."),
    "set_speed": _("Speed set."),
}
