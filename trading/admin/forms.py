"""What staff say before they are let into an account, and before something is done in their name."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from accounts.models import Tier
from accounts.models.user import new_id
from trading.models import GrantPermission
from trading.models.grant import LONGEST
from trading.models.staff_act import REASON_MAX, TICKET_MAX
from trading.services.adjusting import AMOUNT_MAX, NOTE_MAX

if TYPE_CHECKING:
    from decimal import Decimal

HOURS_MAX = int(LONGEST.total_seconds()) // 3600
KEPT = "Kept for good in the audit log: facts, nothing personal."


class GrantForm(forms.Form):
    """Reason, ticket, for how long, and for whom if it is for somebody else."""

    reason = forms.CharField(max_length=REASON_MAX, help_text=KEPT)
    ticket = forms.CharField(max_length=TICKET_MAX, required=False)
    permission = forms.ChoiceField(choices=GrantPermission.choices, initial=GrantPermission.VIEW)
    hours = forms.IntegerField(min_value=1, max_value=HOURS_MAX, initial=8)
    staff = forms.EmailField(
        required=False, help_text="The address of a member of the staff; left empty it is for you."
    )

    @property
    def terms(self) -> dict[str, Any]:
        """The arguments of `give_grant`, of a form that is valid."""
        return {
            "reason": self.cleaned_data["reason"],
            "ticket": self.cleaned_data["ticket"],
            "permission": GrantPermission(self.cleaned_data["permission"]),
            "lasts": timedelta(hours=self.cleaned_data["hours"]),
        }


class ActForm(forms.Form):
    """Why; what is to be done needs no further word."""

    ARGUMENTS: ClassVar[tuple[str, ...]] = ()  # the fields that say what is to be done

    act_id = forms.UUIDField(
        required=False, initial=new_id, widget=forms.HiddenInput
    )  # sent twice it is one act
    reason = forms.CharField(max_length=REASON_MAX, help_text=KEPT)
    ticket = forms.CharField(max_length=TICKET_MAX, required=False)

    @property
    def arguments(self) -> dict[str, Any]:
        """What the act is told, as JSON has it: of a form that is valid."""
        said = {name: self.cleaned_data[name] for name in self.ARGUMENTS}
        return {
            name: value if isinstance(value, bool | int) else str(value)
            for name, value in said.items()
            if value is not None and value != ""
        }


class CashForm(ActForm):
    ARGUMENTS = ("amount", "note")

    amount = forms.DecimalField(
        min_value=-AMOUNT_MAX,
        max_value=AMOUNT_MAX,
        decimal_places=2,
        help_text="Dollars; with a minus they are taken.",
    )
    note = forms.CharField(
        max_length=NOTE_MAX, help_text="Stands in the account's activities: its owner reads it."
    )

    def clean_amount(self) -> Decimal:
        """Refuse nothing: it would be no journal."""
        amount: Decimal = self.cleaned_data["amount"]
        if not amount:
            raise forms.ValidationError("an adjustment moves something")
        return amount


class TierForm(ActForm):
    ARGUMENTS = ("tier", "is_at_once")

    tier = forms.ChoiceField(choices=Tier.choices)
    is_at_once = forms.BooleanField(
        required=False, label="At once", help_text="A downgrade without its thirty days of warning."
    )


class KeysForm(ActForm):
    ARGUMENTS = ("key_id",)

    key_id = forms.CharField(
        max_length=32, required=False, label="Key", help_text="Left empty: every key of it."
    )


class ReplayForm(ActForm):
    ARGUMENTS = ("endpoint_id", "from_seq")

    endpoint_id = forms.UUIDField(label="Webhook")
    from_seq = forms.IntegerField(
        min_value=1, label="From sequence", help_text="This event and all after it are sent again."
    )


class TicketForm(ActForm):
    """For a request of the person's: the ticket in which somebody made sure that it was them."""

    ticket = forms.CharField(
        max_length=TICKET_MAX, help_text="Where it was made sure that it is them who asks."
    )


class TypedForm(ActForm):
    """For what cannot be taken back: a word is typed, so that no hand slips."""

    WORD: ClassVar[str] = ""

    confirmation = forms.CharField(max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["confirmation"].help_text = f"Type: {self.WORD}"

    def clean_confirmation(self) -> str:
        """Refuse another word."""
        if self.cleaned_data["confirmation"].strip() != self.WORD:
            raise forms.ValidationError(f"type {self.WORD!r} to confirm")
        return self.WORD


class EraseForm(TypedForm, TicketForm):
    WORD = "erase this person"


class SymbolForm(ActForm):
    ARGUMENTS = ("symbol",)

    symbol = forms.CharField(max_length=32)


class ProfileForm(forms.Form):
    """The next version of a simulation profile; what is left empty stays as it was."""

    name = forms.CharField(max_length=32)
    model = forms.CharField(max_length=32, required=False)
    participation = forms.IntegerField(required=False, help_text="Parts of 10,000.")
    slippage_bps = forms.IntegerField(required=False)
    latency_ms = forms.IntegerField(required=False)
    commission = forms.DecimalField(required=False, help_text="Dollars a share.")
    reject_rate = forms.IntegerField(required=False, help_text="Parts of 10,000.")
    partial_rate = forms.IntegerField(required=False, help_text="Parts of 10,000.")
    description = forms.CharField(required=False, max_length=200)
    reason = forms.CharField(max_length=REASON_MAX, help_text=KEPT)

    @property
    def changes(self) -> dict[str, Any]:
        """What is said of the version, by the names of `profiles.Parameters`."""
        left_out = {"name", "reason"}
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in left_out and value is not None and value != ""
        }
