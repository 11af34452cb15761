"""Exceptions from the record that the gate asks for, which two who oversee the staff agree to.

They read and write as the support role; who may see and decide what, the database's policies judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone

from accounts.admin import SUPPORT, SupportAdmin, judged_by
from accounts.errors import NotFound, RuleBroken
from broker_handoff.admin.forms import AskForm, EndForm
from broker_handoff.models import GateOverride
from broker_handoff.services.gate_overrides import (
    approve_override,
    ask_for_override,
    end_override,
    judge_approval,
    judge_asking,
)
from trading.admin.pages import form_page, is_wrong, shown_of, staff_of
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

    def judge_ask(self, request: HttpRequest) -> HttpResponse | None:
        """Return the page of what cannot be asked for."""
        form = AskForm(request.POST or None)
        if not self.has_view_permission(request) or not is_wrong(form, lambda: _judge_asking(request, form)):
            return None
        return self._ask_page(request, form)

    @judged_by(judge_ask)
    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form, or ask for what it says."""
        if not self.has_view_permission(request):
            return super().changelist_view(request)
        form = AskForm(request.POST or None)
        if form.is_valid():
            try:
                asked = ask_for_override(
                    shown=shown_of(request),
                    person_id=_person(form.cleaned_data["email"]),
                    reason=form.cleaned_data["reason"],
                    now=timezone.now(),
                    using=SUPPORT,
                )
            except (NotFound, RuleBroken) as error:
                form.add_error(None, str(error))
            else:
                self.message_user(request, "Asked for: another one approves.", messages.SUCCESS)
                return HttpResponseRedirect(_url_of(asked.pk))
        return self._ask_page(request, form)

    def _ask_page(self, request: HttpRequest, form: forms.Form) -> HttpResponse:
        return self._page(request, "ask", form, title="Ask for an override")

    def judge_one(self, request: HttpRequest, override_id: UUID) -> HttpResponse | None:
        """Return the page of what cannot be approved, or ended."""
        override, step = self._override(request, override_id), request.POST.get("step")
        if override is None or step not in ("approve", "end"):
            return None
        form = EndForm(request.POST)
        if step == "end":
            return self._one_page(request, form, override) if form.errors else None
        try:
            judge_approval(user_id=staff_of(request).pk, override=override, using=SUPPORT)
        except RuleBroken as error:
            return self._one_page(request, _refused(error), override)
        return None

    @judged_by(judge_one)
    def one_view(self, request: HttpRequest, override_id: UUID) -> HttpResponse:
        """Show one, approve it, or end it."""
        override = self._override(request, override_id)
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
            form = _refused(error)
        return self._one_page(request, form, override)

    def _override(self, request: HttpRequest, override_id: UUID) -> GateOverride | None:
        return self.get_object(request, str(override_id)) if self.has_view_permission(request) else None

    def _one_page(self, request: HttpRequest, form: forms.Form, override: GateOverride) -> HttpResponse:
        return self._page(request, "one", form, title="An override", override=override)

    def _done(self, request: HttpRequest, override_id: UUID, words: str) -> HttpResponse:
        self.message_user(request, words, messages.SUCCESS)
        return HttpResponseRedirect(_url_of(override_id))

    def _page(self, request: HttpRequest, name: str, form: forms.Form, **more: Any) -> HttpResponse:
        return form_page(self, request, f"broker_handoff/admin/override_{name}.html", form, **more)


def _judge_asking(request: HttpRequest, form: AskForm) -> None:
    person_id = _person(form.cleaned_data["email"])
    judge_asking(user_id=staff_of(request).pk, person_id=person_id, using=SUPPORT)


def _person(email: str) -> UUID:
    """Return whose address it is. Raises NotFound."""
    entry = AccountEntry.objects.using(SUPPORT).filter(email__iexact=email).first()
    if entry is None:
        raise NotFound("nobody with this address has an account here")
    return entry.owner_id


def _refused(error: RuleBroken) -> EndForm:
    """Return a form that says why, and nothing of the fields: they were not sent."""
    form = EndForm({})
    form.full_clean()
    form.errors.clear()
    form.add_error(None, str(error))
    return form


def _url_of(override_id: UUID) -> str:
    return reverse("admin:broker_handoff_gateoverride_change", args=[override_id])
