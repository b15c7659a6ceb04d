"""What happens by itself: the clock (beat) and the handlers of due work.

`BEAT` only says "look now"; what is due stands in the database. `DUE_WORK` maps the code of a kind of due work to its
handler `handler(*, subject: str, now: datetime) -> None`, by dotted path, so that no lower floor imports a higher one.
`PERIODIC_WORK` names the tasks of the clock that `manage.py sweep` runs by hand, by dotted path.
"""

from typing import Any

BEAT: dict[str, dict[str, Any]] = {
    "sweep": {"task": "shop.work.tasks.sweep", "schedule": 10.0, "options": {"expires": 30}},
    "settle_suppliers": {
        "task": "orders.settlements.tasks.settle_due",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "close_statements": {
        "task": "orders.settlements.tasks.close_statements",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "count_sold": {"task": "shop.stock.tasks.refresh_sold_counts", "schedule": 60.0, "options": {"expires": 60}},
    "flush_touches": {
        "task": "distributors.links.tasks.flush_touches",
        "schedule": 1.0,
        "options": {"expires": 5},
    },
    "open_touch_months": {
        "task": "distributors.links.tasks.open_months",
        "schedule": 6 * 3600.0,
        "options": {"expires": 3600},
    },
    "settle_commissions": {
        "task": "distributors.commissions.tasks.settle_due",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "forget_footprints": {
        "task": "shop.interests.tasks.forget_old_footprints",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "tell_watchers": {
        "task": "shop.interests.tasks.tell_watchers",
        "schedule": 120.0,
        "options": {"expires": 110},
    },
    "forget_tries": {"task": "shop.accounts.tasks.forget_tries", "schedule": 3600.0, "options": {"expires": 600}},
    "expire_coupons": {
        "task": "shop.coupons.tasks.expire_pieces",
        "schedule": 600.0,
        "options": {"expires": 300},
    },
    "watch_database": {
        "task": "distributors.payouts.tasks.watch_database",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "close_days": {"task": "shop.ledger.tasks.close_days", "schedule": 600.0, "options": {"expires": 300}},
}

# What waits behind nothing else: bells ring for every order, and money that is due must not stand in line with them.
# A worker takes from its queues in turn. All other tasks go to "default".
ROUTES: dict[str, dict[str, str]] = {
    BEAT[name]["task"]: {"queue": "money"}
    for name in ("settle_suppliers", "settle_commissions", "close_statements", "close_days", "watch_database")
}

PERIODIC_WORK: list[str] = [
    "distributors.payouts.tasks.watch_database",
    "distributors.links.tasks.flush_touches",
    "distributors.links.tasks.open_months",
    "distributors.commissions.tasks.settle_due",
    "orders.settlements.tasks.settle_due",
    "orders.settlements.tasks.close_statements",
    "shop.accounts.tasks.forget_tries",
    "shop.coupons.tasks.expire_pieces",
    "shop.interests.tasks.forget_old_footprints",
    "shop.interests.tasks.tell_watchers",
    "shop.ledger.tasks.close_days",
    "shop.stock.tasks.refresh_sold_counts",
]

DUE_WORK: dict[str, str] = {
    "picture.draw": "shop.media.tasks.draw_picture",
    "picture.discard": "shop.media.tasks.discard_picture",
    "picture.move": "shop.media.tasks.move_picture",
    "product_picture.discard": "orders.flow.tasks.discard_product_picture",
    "product_picture.draw": "shop.catalogue.tasks.draw_picture",
    "portrait.draw": "distributors.stores.tasks.draw_portrait",
    "referral.bind": "distributors.referrals.tasks.bind_referral",
    "withdrawal.pay": "distributors.payouts.tasks.pay_approved",
    "withdrawal.query": "distributors.payouts.tasks.query_unknown",
    "withdrawal.expire": "distributors.payouts.tasks.expire",
    "order.expire": "orders.flow.tasks.expire_unpaid",
    "payment.query": "orders.flow.tasks.query_payment",
    "payment.close": "orders.flow.tasks.close_payment",
    "refund.send": "orders.flow.tasks.send_refund",
    "refund.query": "orders.flow.tasks.query_refund",
    "supplier_order.receive": "orders.flow.tasks.receive_overdue",
    "supplier_order.complete": "orders.flow.tasks.complete_due",
    "aftersale.deadline": "orders.flow.tasks.decide_aftersale",
    "review.check": "orders.reviews.tasks.check_review",
    "review.check_follow_up": "orders.reviews.tasks.check_follow_up",
    "shipping.upload": "orders.flow.tasks.upload_shipping",
    "export.make": "shop.personal.tasks.make_export",
    "export.end": "shop.personal.tasks.end_export",
    "account.erase": "shop.personal.tasks.erase",
    "account.expire": "shop.personal.tasks.expire",
    # Last: pictures wait for money.
    "poster.draw": "distributors.links.tasks.draw_poster",
}

# What `/readyz` and `/metrics` tell besides: functions `fact(now) -> shop.base.health.Fact`, by dotted path.
HEALTH_FACTS: list[str] = [
    "orders.flow.health.reconciliation",
    "orders.flow.health.uncleared",
    "orders.flow.health.payouts",
]

# What the apps know of a person (`shop.privacy.parts.Part`), by dotted path, the upper floors first: what she may take
# along, what goes when she leaves, and what keeps her from leaving.
PERSONAL_DATA: list[str] = [
    "orders.reviews.personal.PART",
    "orders.aftersales.personal.PART",
    "orders.checkout.personal.PART",
    "orders.payments.personal.PART",
    "orders.lifecycle.personal.PART",
    "distributors.payouts.personal.PART",
    "distributors.links.personal.PART",
    "shop.coupons.personal.PART",
    "shop.interests.personal.PART",
    "shop.suppliers.personal.PART",
    "shop.notifications.personal.PART",
    "shop.personal.gathering.PART",
    "shop.media.personal.PART",
    "shop.accounts.personal.PART",
]
