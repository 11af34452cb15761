"""What the staff may have done, and the form that asks for it: by kind of act. Other apps add theirs."""

from __future__ import annotations

from dataclasses import dataclass

from trading.admin.forms import (
    ActForm,
    CashForm,
    EraseForm,
    KeysForm,
    ReplayForm,
    SymbolForm,
    TicketForm,
    TierForm,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One kind of act. `words` say what it does, and does not; `is_global`: it is about no account.

    `reaches_person`: it is about the person as a whole, not about the granted account alone, and they are mailed.
    """

    kind: str
    title: str
    words: str
    form: type[ActForm] = ActForm
    is_global: bool = False
    reaches_person: bool = False


_offers: dict[str, Offer] = {}


def offer(*several: Offer) -> None:
    """Make acts known; what performs them is registered with `trading.services.staff_acts`."""
    _offers.update({each.kind: each for each in several})


def offered(kind: str, *, is_global: bool) -> Offer | None:
    """Return the offer of a kind, None where there is none, or it is of the other sort."""
    found = _offers.get(kind)
    return found if found is not None and found.is_global == is_global else None


def offers(*, is_global: bool) -> list[Offer]:
    """Return what there is, about an account or about none, as it was made known."""
    return [each for each in _offers.values() if each.is_global == is_global]


offer(
    Offer(
        kind="freeze",
        title="Freeze",
        words=(
            "No order that opens a position is taken from then on. What closes one is, and so is every cancel. Orders"
            " that are open stay so: cancel them as well if they must not fill."
        ),
    ),
    Offer(kind="thaw", title="Thaw", words="Orders that open positions are taken again."),
    Offer(
        kind="cancel_orders",
        title="Cancel open orders",
        words="The cancel of every open order is asked for. The matcher decides, and a fill may come first.",
    ),
    Offer(
        kind="adjust_cash",
        title="Adjust cash",
        words="One journal entry against capital: it counts as paid in or out. Its owner reads the note.",
        form=CashForm,
    ),
    Offer(
        kind="change_tier",
        title="Change tier",
        words="An upgrade holds at once, a downgrade after thirty days.",
        form=TierForm,
        reaches_person=True,
    ),
    Offer(
        kind="revoke_keys",
        title="Revoke keys",
        words="One key of this account, or all of them; their streams close at once. The person is told by mail.",
        form=KeysForm,
    ),
    Offer(
        kind="end_sessions",
        title="End sessions",
        words="The person is signed out everywhere. Their passkeys let them in again.",
        reaches_person=True,
    ),
    Offer(
        kind="replay_webhook",
        title="Replay webhook deliveries",
        words="Events are sent to one endpoint again, in order; a disabled one is enabled.",
        form=ReplayForm,
    ),
    Offer(
        kind="export",
        title="Start an export",
        words="The archive of all that is kept of the person is made; its link is mailed to them, and to nobody else.",
        form=TicketForm,
        reaches_person=True,
    ),
    Offer(
        kind="erase",
        title="Start an erasure",
        words=(
            "The person is deactivated at once and erased after thirty days. Their mail brings a link by which they may"
            " think better of it."
        ),
        form=EraseForm,
        reaches_person=True,
    ),
    Offer(
        kind="suspend_asset",
        title="Suspend a symbol",
        words="New orders in it are refused to everybody within five seconds. Cancels pass; open orders stay open.",
        form=SymbolForm,
        is_global=True,
    ),
    Offer(
        kind="resume_asset",
        title="Resume a symbol",
        words="Orders in it are taken again.",
        form=SymbolForm,
        is_global=True,
    ),
)
