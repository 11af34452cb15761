"""The accounts that were granted: their list, their pages, the case page, and what may be done to them.

An account that was not granted answers as one that does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from accounts.admin import SUPPORT, SupportAdmin, judged_by
from trading.admin.acts import answer, judged
from trading.admin.case import sections_of
from trading.admin.offers import offered, offers
from trading.admin.pages import entry_of, staff_of
from trading.models import (
    Fill,
    GrantPermission,
    Order,
    OrderEvent,
    Position,
    TradingAccount,
    configuration,
)
from trading.services.grants import is_granted, record_look
from trading.wire import plain

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

SHOWN = 50  # rows of each table on an account's page, the newest


@admin.register(TradingAccount)
class TradingAccountAdmin(SupportAdmin):
    """The accounts granted to who looks."""

    # Nothing of what is in an account: a list is no look at it, and is not written down.
    list_display = ("number", "user", "market", "status", "created_at")
    list_filter = ("status",)
    list_select_related = ("user", "market")
    search_fields = ("number", "name", "user__email")
    ordering = ("-created_at", "pk")
    fields = (
        "number", "user", "name", "status", "frozen_at", "market", "profile", "multiplier", "currency", "cash_now",
        "cash_kept", "generation", "event_seq", "created_at", "reset_at", *configuration.FIELDS,
    )  # fmt: skip
    readonly_fields = ("cash_now", "cash_kept")
    change_form_template = "trading/admin/account.html"

    @admin.display(description="cash")
    def cash_now(self, account: TradingAccount) -> str:
        """Return it as people read it: the ledger keeps thirteen places."""
        return plain(account.cash)

    @admin.display(description="cash held by open orders")
    def cash_kept(self, account: TradingAccount) -> str:
        """Return it the same way."""
        return plain(account.cash_held)

    def get_urls(self) -> list[URLPattern]:
        """Add the case page, and the forms of what may be done."""
        guarded = self.admin_site.admin_view
        return [
            path("<uuid:account_id>/case/", guarded(self.case_view), name="trading_tradingaccount_case"),
            path(
                "<uuid:account_id>/act/<slug:kind>/",
                guarded(self.act_view),
                name="trading_tradingaccount_act",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show an account, after writing down that it was looked at."""
        account = self.get_object(request, object_id)
        if account is None:
            entry = entry_of(object_id)
            if entry is not None:
                return HttpResponseRedirect(reverse("admin:trading_accountentry_change", args=[entry.pk]))
            return super().change_view(request, object_id, form_url, extra_context)
        record_look(account=account, page="admin.account", using=SUPPORT)
        shown = {**tables_of(account), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, shown)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Lead to what was ever done, which the case page has from the audit log, and its look is written down."""
        account = self.get_object(request, unquote(object_id))
        if account is None:
            return super().history_view(request, object_id, extra_context)
        case = reverse("admin:trading_tradingaccount_case", args=[account.pk])
        return HttpResponseRedirect(f"{case}#audit")

    def case_view(self, request: HttpRequest, account_id: UUID) -> HttpResponse:
        """Show all that support needs of one account on one page, after writing down that it was looked at."""
        account = self.get_object(request, str(account_id))
        if account is None:
            return self.change_view(request, str(account_id))
        record_look(account=account, page="admin.case", using=SUPPORT)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Case: account {account.number}",
            "account": account,
            "sections": sections_of(account, request.GET),
            "offers": offers(is_global=False) if self._may_act(request, account) else [],
        }
        return TemplateResponse(request, "trading/admin/case.html", context)

    def judge_act(self, request: HttpRequest, account_id: UUID, kind: str) -> HttpResponse | None:
        """Return the page of what cannot be asked for; None also where there is nothing to ask it of."""
        account, found = self.get_object(request, str(account_id)), offered(kind, is_global=False)
        if account is None or found is None:
            return None
        return judged(self, request, found, account, is_to_view=not self._may_act(request, account))

    @judged_by(judge_act)
    def act_view(self, request: HttpRequest, account_id: UUID, kind: str) -> HttpResponse:
        """Show the form of an act, or ask for it; what may be seen and not acted on says so."""
        account, found = self.get_object(request, str(account_id)), offered(kind, is_global=False)
        if account is None or found is None:
            return self.change_view(request, str(account_id))
        return answer(self, request, found, account, is_to_view=not self._may_act(request, account))

    def _may_act(self, request: HttpRequest, account: TradingAccount) -> bool:
        return is_granted(
            staff=staff_of(request), account_id=account.pk, permission=GrantPermission.ACT, using=SUPPORT
        )


def tables_of(account: TradingAccount) -> dict[str, list[Any]]:
    """Return what an account's page shows beside it, by name: of each the newest."""
    of_account = {"account": account}
    return {
        "positions": list(Position.objects.using(SUPPORT).filter(**of_account).order_by("symbol")[:SHOWN]),
        "orders": list(
            Order.objects.using(SUPPORT).filter(**of_account).order_by("-submitted_at", "pk")[:SHOWN]
        ),
        "fills": list(Fill.objects.using(SUPPORT).filter(**of_account).order_by("-at", "pk")[:SHOWN]),
        "events": list(OrderEvent.objects.using(SUPPORT).filter(**of_account).order_by("-seq")[:SHOWN]),
    }
