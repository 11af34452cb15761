"""What the scripts say, in the page's language: they have no texts of their own.

Names in braces are filled in by the script. Education, never advice; the fact, then what to do.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

WORDS = {
    # Something went wrong.
    "offline": _("You are offline, or the server cannot be reached. Nothing was changed; try again."),
    "broken": _("Something went wrong on our side. Nothing is known to be lost; try again. Request {id}"),
    "slow_down": _("That was too often. You can go on in {seconds} s."),
    "slow_over": _("You can go on now."),
    "signed_out": _("You are signed out: the session has ended."),
    "unsupported": _("This browser cannot use passkeys. A current Chrome, Edge, Firefox or Safari can."),
    "insecure": _("Passkeys need https, or the address http://localhost."),
    "not_shown": _("No passkey was shown: the request was dismissed or took too long. Nothing was changed."),
    "already_here": _(
        "This device has a passkey of yours already. Add one on another device or a security key."
    ),
    "wrong_place": _(
        "Passkeys do not work at this address. Open the page at the address that is named above."
    ),
    # Something goes on, or went well.
    "working": _("One moment …"),
    "show_passkey": _("Confirm with your passkey …"),
    "signed_in": _("You are in. One moment …"),
    "passkey_added": _("The passkey “{name}” was added."),
    "passkey_renamed": _("The passkey is now called “{name}”."),
    "passkey_removed": _("The passkey “{name}” was removed, and its sessions have ended."),
    "session_ended": _("The session was ended."),
    "sessions_ended": _("All other sessions were ended."),
    "key_made": _("The key was made."),
    "key_revoked": _("The key {id} was revoked. It is refused from the next request on."),
    "account_opened": _("The account {number} is open."),
    "codes_made": _("These are your new codes. Older ones no longer work."),
    "export_asked": _(
        "A link to your data is mailed to you as soon as it is ready. It works once, for 24 hours."
    ),
    "copied": _("Copied."),
    "not_copied": _("Copying is not possible here: mark the text and copy it by hand."),
    # Questions.
    "remove_passkey": _("It can no longer be used to log in, and the sessions that it has opened end."),
    "remove_current": _("It was shown for this session: you will be logged out."),
    "revoke_key": _("Bots that use it are refused from the next request on. This cannot be undone."),
    "erase_all": _(
        "You are logged out, and your API keys end. After thirty days all that we keep of you is deleted. Until then you"
        " can log in and keep it."
    ),
    # A program is the same in every language.
    "program_trades": """\
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import LimitOrderRequest

client = TradingClient(
    "{key_id}",
    "{secret}",
    url_override="{base_url}",
)
terms = LimitOrderRequest(symbol="AAPL", qty=1, side="buy", time_in_force="day", limit_price=1)
print(client.submit_order(terms).status, client.get_account().buying_power)
""",
    "program_reads": """\
from alpaca.trading.client import TradingClient

client = TradingClient(
    "{key_id}",
    "{secret}",
    url_override="{base_url}",
)
account = client.get_account()
print(account.status, account.equity, account.buying_power)
""",
    # Lists.
    "account_unnamed": _("Paper account"),
    "never": _("never"),
    "everywhere": _("from anywhere"),
    "no_end": _("never"),
    "end_logged_out": _("logged out"),
    "end_revoked": _("ended by you"),
    "end_passkey_removed": _("its passkey was removed"),
    "end_recovered": _("access was recovered"),
    "end_enrolled": _("recovery completed"),
    "end_deactivated": _("deactivated"),
    "end_by_staff": _("ended by staff"),
    "end_expired": _("ran out"),
    "scope_read": _("read"),
    "scope_trade": _("trade"),
    "scope_data": _("market data"),
    "scope_operator": _("operate"),
}
