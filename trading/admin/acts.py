"""Acts of the staff: the form that asks for one, and the list of those that were asked for, with what came of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.http import HttpResponseRedirect
from django.urls import path, reverse

from accounts.admin import SUPPORT, SupportAdmin, judged_by
from accounts.clock import database_now
from accounts.errors import Failure
from trading.admin.offers import Offer, offered, offers
from trading.admin.pages import form_page, is_wrong, shown_of, staff_of
from trading.models import StaffAct
from trading.services.grants import record_look
from trading.services.staff_acts import ask_for_act, judge_act

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    from trading.admin.forms import ActForm
    from trading.models import TradingAccount

ASKS_AGAIN_FOR = timedelta(minutes=1)  # the page of one that waits; each time is a look, and written down


@admin.register(StaffAct)
class StaffActAdmin(SupportAdmin):
    """What was done to the accounts that were granted; for superusers also what was done to nobody's."""

    # Nothing of what came of it: that is in the account, and a list is no look at it.
    list_display = ("kind", "account", "status", "reason", "asked_at", "staff_id")
    list_filter = ("status",)
    list_select_related = ("account",)
    search_fields = ("kind", "reason", "ticket", "account__number")
    ordering = ("-asked_at", "pk")
    fields = (
        "kind", "account", "status", "outcome", "arguments", "reason", "ticket", "staff_id", "request_id", "asked_at",
        "done_at", "attempts",
    )  # fmt: skip
    change_list_template = "trading/admin/acts.html"
    change_form_template = "trading/admin/act.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return them, each with its account."""
        return super().get_queryset(request).select_related("account")

    def get_urls(self) -> list[URLPattern]:
        """Add the form of what is about no account."""
        asked = self.admin_site.admin_view(self.ask_view)
        return [path("ask/<slug:kind>/", asked, name="trading_staffact_ask"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one, after writing down that its account was looked at: what was asked for and came of it is in there."""
        act = self.get_object(request, unquote(object_id))
        waited: timedelta | None = None
        if act is not None:
            waited = database_now(SUPPORT) - act.asked_at
            if act.account is not None:
                record_look(account=act.account, page="admin.act", using=SUPPORT)
        more = {"asks_again": waited is not None and waited < ASKS_AGAIN_FOR, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, more)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, with what a superuser may ask for."""
        mine = offers(is_global=True) if request.user.is_superuser else []
        return super().changelist_view(request, {"offers": mine, **(extra_context or {})})

    def judge_ask(self, request: HttpRequest, kind: str) -> HttpResponse | None:
        """Return the page of what cannot be asked for."""
        found = offered(kind, is_global=True) if request.user.is_superuser else None
        return None if found is None else judged(self, request, found, None)

    @judged_by(judge_ask)
    def ask_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Show the form, or ask for what it says: for who oversees."""
        found = offered(kind, is_global=True) if request.user.is_superuser else None
        if found is None:
            return super().change_view(request, kind)
        return answer(self, request, found, None)


def answer(
    admin_page: SupportAdmin, request: HttpRequest, found: Offer, account: TradingAccount | None, **more: Any
) -> HttpResponse:
    """Show the form of an act; of one that is in order, ask for it and lead to what comes of it.

    `more` is shown beside the form.
    """
    form = found.form(request.POST or None)
    if form.is_valid():
        try:
            act = ask_for_act(shown=shown_of(request), **_said(form, found, account))
        except Failure as error:
            form.add_error(None, str(error))
        else:
            from trading.tasks import perform_soon  # with Celery, which no page needs

            perform_soon(act.pk)
            admin_page.message_user(request, "Asked for, and written down.", messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:trading_staffact_change", args=[act.pk]))
    return _page(admin_page, request, form, found, account, **more)


def judged(
    admin_page: SupportAdmin, request: HttpRequest, found: Offer, account: TradingAccount | None, **more: Any
) -> HttpResponse | None:
    """Return the page of an act's form that cannot be, None for another one: nothing is asked for yet."""
    form = found.form(request.POST or None)
    if is_wrong(form, lambda: judge_act(staff_id=staff_of(request).pk, **_said(form, found, account))):
        return _page(admin_page, request, form, found, account, **more)
    return None


def _said(form: ActForm, found: Offer, account: TradingAccount | None) -> dict[str, Any]:
    """Return what a form in order says, as the services take it."""
    return {
        "kind": found.kind,
        "account": account,
        "arguments": form.arguments,
        "reason": form.cleaned_data["reason"],
        "ticket": form.cleaned_data["ticket"],
        "act_id": form.cleaned_data["act_id"],
        "using": SUPPORT,
    }


def _page(
    admin_page: SupportAdmin,
    request: HttpRequest,
    form: ActForm,
    found: Offer,
    account: TradingAccount | None,
    **more: Any,
) -> HttpResponse:
    about = f": account {account.number}" if account else ""
    return form_page(
        admin_page,
        request,
        "trading/admin/ask.html",
        form,
        title=f"{found.title}{about}",
        offer=found,
        account=account,
        **more,
    )
