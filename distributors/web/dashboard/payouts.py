"""Withdrawals: the balance, asking, what became of each; and where she is paid."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from distributors.payouts import actions
from distributors.payouts import queries as payouts
from distributors.payouts.models import Withdrawal
from distributors.payouts.rules import readable_reason
from distributors.payouts.states import NOT_SENT, WithdrawalState
from distributors.web.access import StoreRequest, store_owner
from distributors.web.dashboard.forms import PayoutAccountForm, WithdrawForm
from shop.accounts.queries import payable_identities
from shop.accounts.rules import mask_name
from shop.base.errors import DomainError
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.gateways.wechat_web import WECHAT_MARK, web_app
from shop.personal.actions import agree
from shop.personal.queries import has_agreed
from shop.privacy.rules import mask_tail
from shop.states.machine import subject_of
from shop.states.models import StateChange
from shop.web.access import show_refusal, tell_refusal
from shop.web.product_page import more_url
from shop.web.shelf import stretch

PER_PAGE = 20

# label, tone, what it means for her
WORDS: dict[str, tuple[str | Promise, str, str | Promise]] = {
    WithdrawalState.REQUESTED: (
        gettext_lazy("Being looked at"),
        "wait",
        gettext_lazy("Somebody at Linjia looks at it, usually within a working day."),
    ),
    WithdrawalState.AGREED_ONCE: (
        gettext_lazy("Being looked at"),
        "wait",
        gettext_lazy("One person at Linjia has agreed; for this much a second one looks at it too."),
    ),
    WithdrawalState.APPROVED: (
        gettext_lazy("Approved"),
        "go",
        gettext_lazy("It is sent to WeChat in a moment."),
    ),
    WithdrawalState.REJECTED: (
        gettext_lazy("Declined"),
        "bad",
        gettext_lazy("The amount is available again."),
    ),
    WithdrawalState.CANCELLED: (
        gettext_lazy("Taken back by you"),
        "quiet",
        gettext_lazy("The amount is available again."),
    ),
    WithdrawalState.SENDING: (
        gettext_lazy("Being paid out"),
        "go",
        gettext_lazy("WeChat has been asked to pay you."),
    ),
    WithdrawalState.UNKNOWN: (
        gettext_lazy("Being checked"),
        "wait",
        gettext_lazy("WeChat has not answered yet. We keep asking; nothing is lost and nothing is paid twice."),
    ),
    WithdrawalState.WAITING_USER: (
        gettext_lazy("Confirm in WeChat"),
        "go",
        gettext_lazy("WeChat waits for you to accept the money."),
    ),
    WithdrawalState.PAID: (gettext_lazy("Paid"), "good", gettext_lazy("The money is in your WeChat change.")),
    WithdrawalState.FAILED: (
        gettext_lazy("Came back"),
        "bad",
        gettext_lazy("The amount is available again."),
    ),
}
_MAY_CANCEL = (*NOT_SENT, WithdrawalState.WAITING_USER)
STEP_WORDS: dict[str, str | Promise] = {state: words[0] for state, words in WORDS.items()}


@dataclass(frozen=True)
class Step:
    """One thing that happened to a withdrawal."""

    text: str
    at: datetime
    note: str = ""
    now: bool = False


@dataclass(frozen=True)
class WithdrawalRow:
    """A withdrawal at the desk, amounts in fen."""

    number: str
    amount_fen: int
    tax_fen: int
    label: str
    tone: str
    note: str
    requested_at: datetime
    is_waiting: bool
    confirm_until: datetime | None

    @property
    def arrives_fen(self) -> int:
        return self.amount_fen - self.tax_fen


def withdrawal_row(row: Withdrawal) -> WithdrawalRow:
    """Return a withdrawal in its owner's words."""
    label, tone, note = WORDS[row.state]
    reason = readable_reason(row.fail_reason) if row.fail_reason else ""
    return WithdrawalRow(
        number=row.number,
        amount_fen=row.amount_fen,
        tax_fen=row.tax_fen,
        label=str(label),
        tone=tone,
        note=f"{reason} {note}".strip(),
        requested_at=row.requested_at,
        is_waiting=row.state == WithdrawalState.WAITING_USER,
        confirm_until=row.confirm_until,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@store_owner
def withdrawals(request: StoreRequest) -> HttpResponse:
    """The balance, the form, and every withdrawal so far."""
    form = WithdrawForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.request(store=request.store, amount_fen=form.cleaned_data["amount_fen"], now=timezone.now())
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Asked for. We look at it now."))
            return redirect("dashboard-withdrawal", made.number)
    found, position = stretch(payouts.withdrawals_of(request.store), request.GET.get("after", ""), PER_PAGE)
    account = payouts.payout_account_of(request.store)
    context = {
        "section": "withdrawals",
        "form": form,
        "rows": [withdrawal_row(row) for row in found],
        "more_url": more_url(request, position),
        "account": account,
        "payee": mask_name(account.real_name) if account else "",
        "cooling_until": account.cooling_until if account and _is_cooling(account.cooling_until) else None,
        "minimum_fen": settings.LINJIA_WITHDRAW_MIN_FEN,
        "maximum_fen": settings.LINJIA_WITHDRAW_MAX_FEN,
        "per_day_max": settings.LINJIA_WITHDRAWALS_PER_DAY_MAX,
        "transfer_hours": settings.LINJIA_TRANSFER_HOURS,
    }
    return render(request, "dashboard/withdrawals.html", context, status=400 if form.errors else 200)


def _is_cooling(until: datetime | None) -> bool:
    return until is not None and timezone.now() < until


@require_safe
@store_owner
def withdrawal(request: StoreRequest, number: str) -> HttpResponse:
    """One withdrawal and its way."""
    row = payouts.withdrawal_of(request.store, number)
    context = {
        "section": "withdrawals",
        "row": withdrawal_row(row),
        "payee": mask_name(row.real_name),
        "bill_id": row.bill_id,
        "steps": _steps(row),
        "may_cancel": row.state in _MAY_CANCEL,
        "sandbox_url": _sandbox_url(request, row),
        "wechat_params": _wechat_params(request, row),
    }
    return render(request, "dashboard/withdrawal.html", context)


def _steps(row: Withdrawal) -> list[Step]:
    """Return what happened, newest first."""
    changes = StateChange.objects.filter(subject=subject_of(row)).order_by("-at", "-pk")
    steps = [
        Step(
            text=str(STEP_WORDS.get(change.target, change.target)),
            at=change.at,
            note=change.reason if change.target == WithdrawalState.REJECTED else "",
            now=place == 0,
        )
        for place, change in enumerate(changes)
    ]
    return [*steps, Step(text=_("Asked for"), at=row.requested_at, now=not steps)]


def _sandbox_url(request: StoreRequest, row: Withdrawal) -> str:
    """Return the sandbox's page to confirm a transfer, "" outside the sandbox."""
    if not settings.LINJIA_SANDBOX or row.state != WithdrawalState.WAITING_USER:
        return ""
    back = request.build_absolute_uri(reverse("dashboard-withdrawal", args=[row.number]))
    base = settings.LINJIA_SANDBOX_URL.rstrip("/")
    return f"{base}/transfer/{row.number}?{urlencode({'redirect_url': back})}"


def _wechat_params(request: StoreRequest, row: Withdrawal) -> str:
    """Return what WeChat's own browser asks to confirm a transfer to the official account's openid, "" elsewhere."""
    is_inside = WECHAT_MARK in request.headers.get("User-Agent", "")
    is_account = row.app_id and row.app_id == settings.LINJIA_WECHAT_ACCOUNT_APP_ID
    if not (is_inside and is_account and row.package_info and row.state == WithdrawalState.WAITING_USER):
        return ""
    return json.dumps({"mchId": settings.LINJIA_WECHAT_MERCHANT_ID, "appId": row.app_id, "package": row.package_info})


@require_POST
@store_owner
def withdrawal_cancel(request: StoreRequest, number: str) -> HttpResponse:
    """Take a withdrawal back while that is possible."""
    back = reverse("dashboard-withdrawal", args=[number])
    try:
        actions.cancel(store=request.store, number=number, now=timezone.now())
    except DomainError as error:
        return tell_refusal(request, error, back)
    except (GatewayRefused, GatewayUnknown):
        messages.error(request, _("WeChat does not answer at the moment. Try again in a minute."))
        return redirect(back)
    messages.success(request, _("Taken back."))
    return redirect(back)


@require_http_methods(["GET", "HEAD", "POST"])
@store_owner
def payout_account(request: StoreRequest) -> HttpResponse:
    """Where she is paid: her own WeChat, under her real name."""
    account = payouts.payout_account_of(request.store)
    has_wechat = bool(payable_identities(request.user))
    is_inside = WECHAT_MARK in request.headers.get("User-Agent", "") and web_app(is_inside=True) is not None
    known_as = request.desk.distributor.real_name
    form = PayoutAccountForm(request.POST or None, initial={"agrees": has_agreed(request.user, "identity")})
    if request.method == "POST" and form.is_valid():
        try:
            now, facts = timezone.now(), form.cleaned_data
            actions.save_payout_account(
                store=request.store, now=now, real_name=facts["real_name"], identity_number=facts["identity_number"]
            )
            agree(user=request.user, purpose="identity", now=now)
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Saved. You are paid to your WeChat change."))
            return redirect("dashboard-withdrawals")
    context = {
        "section": "withdrawals",
        "form": form,
        "account": account,
        "payee": mask_name(account.real_name) if account else "",
        "known_as": mask_name(known_as) if known_as else "",
        "identity": mask_tail(request.desk.distributor.identity_number),
        "has_wechat": has_wechat,
        "is_inside": is_inside,
        "cooling_hours": timedelta(hours=settings.LINJIA_PAYOUT_COOLING_HOURS) // timedelta(hours=1),
    }
    return render(request, "dashboard/payout_account.html", context, status=400 if form.errors else 200)
