"""What is said before somebody is let through the gate without a record, and when that ends."""

from __future__ import annotations

from django import forms

from broker_handoff.models.gate import REASON_MAX

_KEPT = "Kept for good in the person's audit log: facts, nothing personal."


class AskForm(forms.Form):
    """For whom, and why."""

    email = forms.EmailField(help_text="Of the person, who has an account here.")
    reason = forms.CharField(max_length=REASON_MAX, help_text=_KEPT)


class EndForm(forms.Form):
    """Why it ends."""

    reason = forms.CharField(max_length=REASON_MAX, help_text=_KEPT)
