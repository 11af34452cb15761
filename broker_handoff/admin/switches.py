"""The kill switch: closed by one of the staff, opened by two; what was ever closed stays in the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.urls import path, reverse

from accounts.admin import SUPPORT, SupportAdmin, judged_by
from accounts.errors import Failure, NotFound
from accounts.models import User
from broker_handoff.admin.forms import CloseForm, OpenForm
from broker_handoff.models import SwitchClosing
from broker_handoff.services.switches import (
    approve_opening,
    ask_to_open,
    close_as_staff,
    judge_closing,
    judge_opening,
)
from trading.admin.pages import form_page, is_wrong, session_of, staff_of
from trading.models import AccountEntry

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    from broker_handoff.services.switches import Closed


_STEPS = ("ask", "open")  # of an opening, by two of the staff


@admin.register(SwitchClosing)
class SwitchClosingAdmin(SupportAdmin):
    """What is closed and what was; to all of the staff what stops everybody, else what they may see."""

    list_display = (
        "scope", "user_id", "is_own", "reason", "closed_at", "asked_at", "opened_at",
    )  # fmt: skip
    list_filter = ("scope", "is_own", ("opened_at", admin.EmptyFieldListFilter))
    search_fields = ("reason", "asked_reason")
    ordering = ("-closed_at", "pk")
    change_list_template = "broker_handoff/admin/switches.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the form that closes, and put our own page in the place of Django's form over the table."""
        guarded = self.admin_site.admin_view
        return [
            path("close/", guarded(self.close_view), name="broker_handoff_switchclosing_close"),
            path(
                "<uuid:closing_id>/change/",
                guarded(self.one_view),
                name="broker_handoff_switchclosing_change",
            ),
            *super().get_urls(),
        ]

    def judge_close(self, request: HttpRequest) -> HttpResponse | None:
        """Return the page of what cannot be closed."""
        form = CloseForm(request.POST or None)
        if is_wrong(form, lambda: judge_closing(operator=staff_of(request), **_what(form))):
            return self._close_page(request, form)
        return None

    @judged_by(judge_close)
    def close_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form, or close what it says, at once."""
        form = CloseForm(request.POST or None)
        if form.is_valid():
            try:
                closed = close_as_staff(
                    operator=staff_of(request), reason=form.cleaned_data["reason"], **_what(form)
                )
            except Failure as error:
                form.add_error(None, str(error))
            else:
                self.message_user(request, _words(closed), messages.SUCCESS)
                return HttpResponseRedirect(_url_of(closed.closing.pk))
        return self._close_page(request, form)

    def _close_page(self, request: HttpRequest, form: CloseForm) -> HttpResponse:
        return form_page(
            self, request, "broker_handoff/admin/switch_close.html", form, title="Close the kill switch"
        )

    def judge_one(self, request: HttpRequest, closing_id: UUID) -> HttpResponse | None:
        """Return the page of what cannot be opened, or be asked to be."""
        closing, step = self.get_object(request, str(closing_id)), request.POST.get("step")
        if closing is None or step not in _STEPS:
            return None
        form, is_approval = OpenForm(request.POST), step == "open"

        def judge() -> None:
            judge_opening(
                closing_id=closing_id, operator=staff_of(request), is_approval=is_approval, using=SUPPORT
            )

        return self._one_page(request, form, closing) if is_wrong(form, judge) else None

    @judged_by(judge_one)
    def one_view(self, request: HttpRequest, closing_id: UUID) -> HttpResponse:
        """Show one, ask for its opening, or open it."""
        closing = self.get_object(request, str(closing_id))
        if closing is None:
            return super().change_view(request, str(closing_id))
        step = request.POST.get("step")
        form = OpenForm(request.POST if step in _STEPS else None)
        if form.is_valid():
            do = ask_to_open if step == "ask" else approve_opening
            try:
                do(
                    closing_id=closing_id,
                    operator=staff_of(request),
                    reason=form.cleaned_data["reason"],
                    using=SUPPORT,
                )
            except Failure as error:
                form.add_error(None, str(error))
            else:
                words = (
                    "Asked for: another one opens it, within 24 hours." if step == "ask" else "Open again."
                )
                self.message_user(request, words, messages.SUCCESS)
                return HttpResponseRedirect(_url_of(closing_id))
        return self._one_page(request, form, closing)

    def _one_page(self, request: HttpRequest, form: OpenForm, closing: SwitchClosing) -> HttpResponse:
        more: dict[str, Any] = {"title": "A closing of the kill switch", "closing": closing}
        more["is_asked_by_me"] = closing.asked_by == session_of(request).user_id
        return form_page(self, request, "broker_handoff/admin/switch_one.html", form, **more)


def _what(form: CloseForm) -> dict[str, Any]:
    """Return what a form in order is to stop, as the services take it. Raises NotFound."""
    said = form.cleaned_data
    return {
        "scope": said["scope"],
        "user_id": _person(said["email"]) if said["email"] else None,
        "connection_id": said["connection"],
        "using": SUPPORT,
    }


def _person(email: str) -> UUID:
    """Return whose address it is, of those whom the asker may know. Raises NotFound."""
    entry = AccountEntry.objects.using(SUPPORT).filter(email__iexact=email).first()
    if entry is not None:
        return entry.owner_id
    person = User.objects.using(SUPPORT).filter(email__iexact=email).first()
    if person is None:
        raise NotFound("nobody with this address is known to you")
    return person.pk


def _words(closed: Closed) -> str:
    if not closed.is_new:
        return "It was closed already."
    if closed.being_sent is None:
        return "Closed: no order is sent from now on. How many were being sent is not known."
    return f"Closed: no order is sent from now on; {closed.being_sent} were being sent."


def _url_of(closing_id: UUID) -> str:
    return reverse("admin:broker_handoff_switchclosing_change", args=[closing_id])
