"""What my store earned, and getting it paid out."""

import json
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from distributors.api.access import own_store
from distributors.commissions.models import Commission
from distributors.commissions.queries import commissions_of, earnings_of
from distributors.payouts import actions as payouts
from distributors.payouts.models import PayoutAccount, Withdrawal
from distributors.payouts.queries import payout_account_of, withdrawal_of, withdrawals_of
from distributors.payouts.states import WithdrawalState
from distributors.stores.models import Store
from shop.accounts.models import User
from shop.accounts.rules import mask_name
from shop.api.asked import choice
from shop.api.auth import caller
from shop.api.describing import OpenApiParameter, extend_schema
from shop.api.idempotency import HEADER, answer_once
from shop.api.pagination import PAGING, page_of, paged
from shop.api.throttles import limited
from shop.base.errors import Invalid, NotFound
from shop.ledger import chart
from shop.ledger.queries import balances_fen, statement
from shop.personal.actions import agree
from shop.personal.queries import has_agreed
from shop.privacy.rules import mask_tail

BOOKS = ("available", "frozen", "paying", "debt")
FEN_MAX = 10**12


class EarningsOutput(serializers.Serializer[Any]):
    available_fen = serializers.IntegerField(help_text="Can be withdrawn now.")
    frozen_fen = serializers.IntegerField(help_text="Until return windows close.")
    paying_fen = serializers.IntegerField(help_text="In withdrawals under way.")
    debt_fen = serializers.IntegerField(help_text="Claw-backs the next earnings repay first.")
    held_fen = serializers.IntegerField(help_text="Of the frozen: waiting for an after-sale.")
    settled_fen = serializers.IntegerField(help_text="Ever settled, less what was clawed back.")
    clawed_back_fen = serializers.IntegerField()


class CommissionOutput(serializers.ModelSerializer[Commission]):
    order = serializers.CharField(source="order_number")
    state_label = serializers.CharField(source="get_state_display")
    left_fen = serializers.SerializerMethodField()

    class Meta:
        model = Commission
        fields = (
            "order",
            "line",
            "level",
            "base_fen",
            "rate_bp",
            "amount_fen",
            "clawed_back_fen",
            "left_fen",
            "state",
            "state_label",
            "rule_number",
            "accrued_at",
            "due_at",
            "settled_at",
        )

    def get_left_fen(self, row: Commission) -> int:
        return row.amount_fen - row.clawed_back_fen


class StatementLineOutput(serializers.Serializer[Any]):
    kind = serializers.CharField(source="journal.kind")
    kind_label = serializers.CharField(source="journal.get_kind_display")
    reference = serializers.CharField(source="journal.reference")
    amount_fen = serializers.IntegerField(help_text="Positive when the balance grew.")
    happened_at = serializers.DateTimeField(source="journal.happened_at")
    posted_at = serializers.DateTimeField()


class WithdrawInput(serializers.Serializer[None]):
    amount_fen = serializers.IntegerField(min_value=1, max_value=FEN_MAX)


class PayoutAccountInput(serializers.Serializer[None]):
    real_name = serializers.CharField(max_length=40)
    identity_number = serializers.CharField(
        max_length=24,
        required=False,
        default="",
        allow_blank=True,
        help_text="Of your identity card, for tax reports; left out, what is known stays.",
    )
    agrees = serializers.BooleanField(
        default=False,
        help_text="That name and number are kept, encrypted, to pay me and for the tax office. Needed until it was "
        "said once, and again after it was taken back.",
    )


class PayoutAccountOutput(serializers.Serializer[PayoutAccount]):
    channel = serializers.CharField()
    channel_label = serializers.CharField(source="get_channel_display")
    real_name = serializers.SerializerMethodField(help_text="Masked.")
    identity_number = serializers.SerializerMethodField(help_text="Masked; empty when it is not known.")
    changed_at = serializers.DateTimeField()
    cooling_until = serializers.DateTimeField(allow_null=True, help_text="After a change: no withdrawal before then.")

    def get_real_name(self, row: PayoutAccount) -> str:
        return mask_name(row.real_name)

    def get_identity_number(self, row: PayoutAccount) -> str:
        return mask_tail(row.distributor.identity_number)


class WithdrawalOutput(serializers.ModelSerializer[Withdrawal]):
    state_label = serializers.CharField(source="get_state_display")
    package_info = serializers.SerializerMethodField(
        help_text="For wx.requestMerchantTransfer while waiting for your confirmation."
    )

    class Meta:
        model = Withdrawal
        fields = (
            "number",
            "amount_fen",
            "tax_fen",
            "state",
            "state_label",
            "requested_at",
            "confirm_until",
            "finished_at",
            "fail_reason",
            "package_info",
        )

    def get_package_info(self, row: Withdrawal) -> str:
        return row.package_info if row.state == WithdrawalState.WAITING_USER else ""


@extend_schema(responses=EarningsOutput)
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def earnings(request: Request) -> Response:
    """My balances, from the books, and my commissions by state."""
    store = own_store(request)
    paths = {name: _path(name, store.code) for name in BOOKS}
    balances = balances_fen(list(paths.values()))
    sums = earnings_of(store)
    return Response(
        {
            **{f"{name}_fen": balances.get(path, 0) for name, path in paths.items()},
            "held_fen": sums.held_fen,
            "settled_fen": sums.settled_fen,
            "clawed_back_fen": sums.clawed_back_fen,
        }
    )


@extend_schema(operation_id="me_store_commissions_list", parameters=PAGING, responses=paged(CommissionOutput))
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def commission_list(request: Request) -> Response:
    """My commissions, newest first; claw-backs are shown, never netted silently."""
    page = page_of(commissions_of(own_store(request)), request)
    return page.answer(CommissionOutput(page.rows, many=True).data)


@extend_schema(
    operation_id="me_store_statement_list",
    parameters=[
        *PAGING,
        OpenApiParameter("book", str, enum=list(BOOKS), description="Default: available."),
    ],
    responses=paged(StatementLineOutput),
)
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def statement_list(request: Request) -> Response:
    """Every movement of one of my accounts in the books, newest first."""
    store = own_store(request)
    book = choice(request, "book", BOOKS, default="available")
    page = page_of(statement(_path(book, store.code)), request, order=("-posted_at", "-id"))
    return page.answer(StatementLineOutput(page.rows, many=True).data)


@extend_schema(
    methods=["GET"],
    operation_id="me_store_withdrawals_list",
    parameters=PAGING,
    responses=paged(WithdrawalOutput),
)
@extend_schema(methods=["POST"], parameters=[HEADER], request=WithdrawInput, responses={201: WithdrawalOutput})
@limited("withdraw")
@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def withdrawal_list(request: Request) -> Response:
    """My withdrawals, newest first; or ask for one."""
    store = own_store(request)
    if request.method == "POST":
        form = WithdrawInput(data=request.data)
        form.is_valid(raise_exception=True)

        def act() -> tuple[int, Any]:
            row = payouts.request(store=store, amount_fen=form.validated_data["amount_fen"], now=timezone.now())
            return 201, json.loads(JSONRenderer().render(WithdrawalOutput(row).data))

        return answer_once(request, act)
    page = page_of(withdrawals_of(store), request)
    return page.answer(WithdrawalOutput(page.rows, many=True).data)


@extend_schema(methods=["GET"], responses=PayoutAccountOutput)
@extend_schema(methods=["PUT"], request=PayoutAccountInput, responses=PayoutAccountOutput)
@api_view(["GET", "PUT"])
@permission_classes([IsAuthenticated])
def payout_account(request: Request) -> Response:
    """Where I am paid: the WeChat account I sign in with, under my real name. No request names another."""
    store = own_store(request)
    if request.method == "PUT":
        form = PayoutAccountInput(data=request.data)
        form.is_valid(raise_exception=True)
        row = _save_payout_account(store, caller(request), dict(form.validated_data))
        return Response(PayoutAccountOutput(row).data)
    found = payout_account_of(store)
    if found is None:
        raise NotFound(_("You have not said yet where you are paid."))
    return Response(PayoutAccountOutput(found).data)


def _save_payout_account(store: Store, user: User, facts: dict[str, Any]) -> PayoutAccount:
    """Sensitive data need a consent of their own, here as on the page."""
    agrees, now = facts.pop("agrees"), timezone.now()
    if not agrees and not has_agreed(user, "identity"):
        raise Invalid(_("Without this we may not keep your name, and cannot pay you."), field="agrees")
    row = payouts.save_payout_account(store=store, now=now, **facts)
    agree(user=user, purpose="identity", now=now)
    return row


@extend_schema(request=None, responses=WithdrawalOutput)
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def withdrawal_cancel(request: Request, number: str) -> Response:
    """Take a withdrawal back: before it is sent, or while it waits for my confirmation."""
    store = own_store(request)
    payouts.cancel(store=store, number=withdrawal_of(store, number).number, now=timezone.now())
    return Response(WithdrawalOutput(withdrawal_of(store, number)).data)


@extend_schema(responses=WithdrawalOutput)
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def withdrawal_detail(request: Request, number: str) -> Response:
    """One of my withdrawals; while it waits for you, with what WeChat's confirmation needs."""
    return Response(WithdrawalOutput(withdrawal_of(own_store(request), number)).data)


def _path(book: str, code: str) -> str:
    paths = {
        "available": chart.store_available,
        "frozen": chart.store_frozen,
        "paying": chart.store_paying,
        "debt": chart.store_debt,
    }
    return paths[book](code)
