"""What a superuser says before they open somebody's account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from trading.models import GrantPermission
from trading.models.grant import LONGEST
from trading.services.grants import REASON_MAX, TICKET_MAX

HOURS_MAX = int(LONGEST.total_seconds()) // 3600


class GrantForm(forms.Form):
    """Reason, ticket, and for how long."""

    reason = forms.CharField(
        max_length=REASON_MAX, help_text="Kept for good in the account's audit log: facts, nothing personal."
    )
    ticket = forms.CharField(max_length=TICKET_MAX, required=False)
    permission = forms.ChoiceField(choices=GrantPermission.choices, initial=GrantPermission.VIEW)
    hours = forms.IntegerField(min_value=1, max_value=HOURS_MAX, initial=8)

    @property
    def terms(self) -> dict[str, Any]:
        """The arguments of `give_grant`, of a form that is valid."""
        return {
            "reason": self.cleaned_data["reason"],
            "ticket": self.cleaned_data["ticket"],
            "permission": GrantPermission(self.cleaned_data["permission"]),
            "lasts": timedelta(hours=self.cleaned_data["hours"]),
        }
