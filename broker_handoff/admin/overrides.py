"""Exceptions from the record that the gate asks for, which two who oversee the staff agree to.

They read and write as the support role; who may see and decide what, the database's policies judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone

from accounts.admin import SUPPORT, SupportAdmin
from accounts.errors import NotFound, RuleBroken
from broker_handoff.admin.forms import AskForm, EndForm
from broker_handoff.models import GateOverride
from broker_handoff.services.gate_overrides import approve_override, ask_for_override, end_override
from trading.admin.pages import form_page, shown_of
from trading.models import AccountEntry

if TYPE_CHECKING:
    from uuid import UUID

    from django import forms
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern


@admin.register(GateOverride)
class GateOverrideAdmin(SupportAdmin):
    """Exceptions from the gate's record: asked for by one, approved by another, ended by any of them."""

    list_display = ("user_id", "reason", "asked_at", "approved_at", "expires_at", "ended_at")
    search_fields = ("reason",)
    ordering = ("-asked_at", "pk")
    change_list_template = "broker_handoff/admin/overrides.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Let superusers in; the policies would show nothing to anybody else."""
        return bool(request.user.is_superuser)

    def get_urls(self) -> list[URLPattern]:
        """Add the form that asks, and put our own page in the place of Django's form over the table."""
        guarded = self.admin_site.admin_view
        return [
            path("ask/", guarded(self.ask_view), name="broker_handoff_gateoverride_ask"),
            path(
                "<uuid:override_id>/change/",
                guarded(self.one_view),
                name="broker_handoff_gateoverride_change",
            ),
            *super().get_urls(),
        ]

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form, or ask for what it says."""
        if not self.has_view_permission(request):
            return super().changelist_view(request)
        form = AskForm(request.POST or None)
        if form.is_valid():
            person = (
                AccountEntry.objects.using(SUPPORT).filter(email__iexact=form.cleaned_data["email"]).first()
            )
            try:
                if person is None:
                    raise NotFound("nobody with this address has an account here")
                asked = ask_for_override(
                    shown=shown_of(request),
                    person_id=person.owner_id,
                    reason=form.cleaned_data["reason"],
                    now=timezone.now(),
                    using=SUPPORT,
                )
            except (NotFound, RuleBroken) as error:
                form.add_error(None, str(error))
            else:
                self.message_user(request, "Asked for: another one approves.", messages.SUCCESS)
                return HttpResponseRedirect(_url_of(asked.pk))
        return self._page(request, "ask", form, title="Ask for an override")

    def one_view(self, request: HttpRequest, override_id: UUID) -> HttpResponse:
        """Show one, approve it, or end it."""
        override = self.get_object(request, str(override_id)) if self.has_view_permission(request) else None
        if override is None:
            return super().change_view(request, str(override_id))
        is_end = request.POST.get("step") == "end"
        form = EndForm(request.POST if is_end else None)
        try:
            if request.POST.get("step") == "approve":
                approve_override(
                    shown=shown_of(request), override_id=override_id, now=timezone.now(), using=SUPPORT
                )
                return self._done(request, override_id, "Approved: the gate is open to them.")
            if is_end and form.is_valid():
                end_override(
                    shown=shown_of(request),
                    override_id=override_id,
                    reason=form.cleaned_data["reason"],
                    now=timezone.now(),
                    using=SUPPORT,
                )
                return self._done(request, override_id, "Ended, and written down.")
        except RuleBroken as error:
            form = EndForm(request.POST)
            form.add_error(None, str(error))
        return self._page(request, "one", form, title="An override", override=override)

    def _done(self, request: HttpRequest, override_id: UUID, words: str) -> HttpResponse:
        self.message_user(request, words, messages.SUCCESS)
        return HttpResponseRedirect(_url_of(override_id))

    def _page(self, request: HttpRequest, name: str, form: forms.Form, **more: Any) -> HttpResponse:
        return form_page(self, request, f"broker_handoff/admin/override_{name}.html", form, **more)


def _url_of(override_id: UUID) -> str:
    return reverse("admin:broker_handoff_gateoverride_change", args=[override_id])
