"""What is said before somebody is let through the gate, or everybody is stopped."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.admin import SUPPORT
from broker_handoff.models import SwitchClosing
from broker_handoff.models.gate import REASON_MAX
from broker_handoff.models.switch import REASON_MAX as SWITCH_REASON_MAX
from broker_handoff.services.disconnecting import REASON_MAX as CUT_REASON_MAX
from broker_handoff.services.mass_revoke import living_count
from trading.admin.forms import TypedForm

_KEPT = "Kept for good in the person's audit log: facts, nothing personal."


class AskForm(forms.Form):
    """For whom, and why."""

    email = forms.EmailField(help_text="Of the person, who has an account here.")
    reason = forms.CharField(max_length=REASON_MAX, help_text=_KEPT)


class EndForm(forms.Form):
    """Why it ends."""

    reason = forms.CharField(max_length=REASON_MAX, help_text=_KEPT)


class CloseForm(forms.Form):
    """What is stopped, and why."""

    scope = forms.ChoiceField(choices=SwitchClosing.Scope.choices, label="What")
    email = forms.EmailField(required=False, help_text="Of the person, where one is stopped.")
    connection = forms.UUIDField(required=False, help_text="Its id, where one connection is stopped.")
    reason = forms.CharField(max_length=SWITCH_REASON_MAX, help_text="The people whom it stops read it.")


class OpenForm(forms.Form):
    """Why it may be opened: each of the two says so."""

    reason = forms.CharField(max_length=SWITCH_REASON_MAX, help_text="The people whom it stopped read it.")


class CutForm(TypedForm):
    """Everybody is disconnected: a reason that stands in their mail, and the words typed."""

    WORD = "disconnect everybody"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        count = living_count(using=SUPPORT)
        self.fields["confirmation"].help_text = f"{count} live connections would end. Type: {self.WORD}"
        self.fields["reason"] = forms.CharField(
            max_length=CUT_REASON_MAX,
            help_text="Stands in everybody's mail. The same reason again goes on where an earlier run has stopped.",
        )
