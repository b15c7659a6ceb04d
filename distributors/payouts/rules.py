"""How much may be withdrawn when, and what the gateway's answers mean for a withdrawal. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from distributors.payouts.states import NOT_SENT, WithdrawalState
from shop.base.errors import Conflict, Invalid
from shop.base.money import format_yuan

NAME_LENGTH_MAX = 40
# Nothing follows these states.
ENDED = (
    WithdrawalState.PAID,
    WithdrawalState.FAILED,
    WithdrawalState.REJECTED,
    WithdrawalState.CANCELLED,
)
# The gateway's words for money that comes back to us.
RETURNED = ("failed", "cancelled")
NEVER_SENT = "it was never sent"
_PAUSE_MIN = timedelta(seconds=30)
_PAUSE_MAX = timedelta(minutes=10)
# A transfer the gateway does not know may still be on its way there; only later is it sent again.
RESEND_AFTER = timedelta(seconds=60)
# How often an approved withdrawal looks whether payouts still stand still.
HOLD_PAUSE = timedelta(minutes=10)

# The gateway's words that a person should not have to read.
_REASONS: dict[str, Promise] = {
    "OVERDUE_CLOSE": _("It was not confirmed in time."),
    "ACCOUNT_ABNORMAL": _("Your WeChat account cannot receive it."),
    "ACCOUNT_NOT_EXIST": _("This WeChat account does not exist."),
    "NAME_NOT_CORRECT": _("The name does not match the WeChat account."),
    "REALNAME_CHECK_FAIL": _("The name does not match the WeChat account."),
    "USER_ACCOUNT_LIMIT": _("Your WeChat account cannot receive so much."),
    "BUSI_AUTH_NO_PASS": _("The channel did not allow it."),
    "NOT_ENOUGH": _("The channel could not pay at this moment. Try again tomorrow."),
    "CANCELLED": _("It was cancelled."),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for (fen), and how many a store may make in a day."""

    minimum_fen: int
    maximum_fen: int
    per_day_max: int


class TooManyWithdrawals(Conflict):
    """The day's requests are used up; ``extra["retry_after_seconds"]`` says when the next day begins."""

    code = "too_many_withdrawals"
    status = 429


def check_amount(amount_fen: object, limits: Limits) -> int:
    """Return an amount that may be asked for. Raises ``Invalid`` (``amount_fen``)."""
    # bool is an int to Python, but nobody withdraws True fen.
    if type(amount_fen) is not int:
        raise Invalid(_("The amount is a whole number of fen."), field="amount_fen")
    if amount_fen < limits.minimum_fen:
        raise Invalid(
            _("Withdraw at least ¥%(least)s.") % {"least": format_yuan(limits.minimum_fen)},
            field="amount_fen",
            extra={"minimum_fen": limits.minimum_fen},
        )
    if amount_fen > limits.maximum_fen:
        raise Invalid(
            _("Withdraw at most ¥%(most)s at a time.") % {"most": format_yuan(limits.maximum_fen)},
            field="amount_fen",
            extra={"maximum_fen": limits.maximum_fen},
        )
    return amount_fen


def check_count(made_today: int, limits: Limits, *, wait: timedelta) -> None:
    """Raise :class:`TooManyWithdrawals` when today's requests are used up; ``wait`` is what is left of the day."""
    if made_today >= limits.per_day_max:
        raise TooManyWithdrawals(
            _("You can ask %(most)d times a day. Come back tomorrow.") % {"most": limits.per_day_max},
            extra={"retry_after_seconds": max(1, ceil(wait.total_seconds()))},
        )


def query_pause(*, since: datetime, now: datetime) -> timedelta:
    """Return how long to wait before asking the gateway again: as long as it has taken, 10 minutes at most."""
    return min(max(now - since, _PAUSE_MIN), _PAUSE_MAX)


def readable_reason(word: str) -> str:
    """Return the gateway's word for a failure as a sentence, or the word itself."""
    code = word.partition(":")[0].strip()
    return str(_REASONS.get(code, word or _("The channel gave no reason.")))


def fault_of(told: str, told_fen: int, *, state: str, due_fen: int) -> str:
    """Return what does not fit between the gateway's word and our row, or an empty text.

    ``due_fen`` is what the gateway was to pay; an answer that names no amount says 0.
    """
    if told_fen not in (0, due_fen) or (told == "paid" and told_fen != due_fen):
        return f"amount {told_fen} instead of {due_fen}"
    if state in NOT_SENT:
        return NEVER_SENT
    if told == "paid" and state in ENDED:
        return "" if state == WithdrawalState.PAID else "paid after it had ended"
    if told in RETURNED and state == WithdrawalState.PAID:
        return "returned after it was paid"
    return ""
