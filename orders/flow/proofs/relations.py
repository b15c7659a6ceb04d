"""How things got where they are, who recruited whom, and whether the guards still stand."""

from distributors.commissions.states import COMMISSION
from distributors.payouts.states import WITHDRAWAL
from distributors.stores.states import DISTRIBUTOR
from orders.aftersales.states import AFTER_SALE
from orders.lifecycle.states import ORDER, SUPPLIER_ORDER
from orders.payments.states import PAYMENT, REFUND
from orders.settlements.states import EARNING, STATEMENT, SUPPLIER_PAYOUT
from shop.catalogue.states import PRODUCT
from shop.coupons.states import CLAIM, COUPON
from shop.ledger.proof import Check
from shop.ledger.verification import GUARDS
from shop.stock.states import RESERVATION
from shop.suppliers.states import SUPPLIER

LIVES = (
    *(ORDER, SUPPLIER_ORDER, PAYMENT, REFUND, AFTER_SALE, COMMISSION, EARNING, STATEMENT, SUPPLIER_PAYOUT),
    *(WITHDRAWAL, DISTRIBUTOR, RESERVATION, PRODUCT, SUPPLIER, COUPON, CLAIM),
)
EDGES = [(life.name, source, target) for life in LIVES for source, after in life.edges.items() for target in after]

# (life, table, name of a row, its first state): the lives that money hangs on.
_LIVED = (
    ("order", "lifecycle_order", "number", "placed"),
    ("supplier_order", "lifecycle_supplierorder", "number", "waiting"),
    ("payment", "payments_payment", "number", "started"),
    ("refund", "payments_refund", "number", "requested"),
    ("after_sale", "aftersales_aftersale", "number", "opened"),
    ("commission", "commissions_commission", "id", "frozen"),
    ("earning", "settlements_earning", "id", "frozen"),
    ("statement", "settlements_statement", "number", "open"),
    ("supplier_payout", "settlements_supplierpayout", "number", "started"),
    ("withdrawal", "payouts_withdrawal", "number", "requested"),
    ("reservation", "stock_reservation", "id", "open"),
    ("coupon", "coupons_coupon", "id", "draft"),
    ("couponclaim", "coupons_couponclaim", "number", "claimed"),
)
_ROWS = " UNION ALL ".join(
    f"SELECT '{life}:' || {name} AS subject, state, '{first}' AS first FROM {table}"  # noqa: S608 - words above
    for life, table, name, first in _LIVED
)

# Triggers and constraints of the trade that the invariants stand on; the books' own are in the ledger.
TRIGGERS = [
    *(f"{table}_states" for _life, table, _name, _first in _LIVED),
    *(
        f"{table}_{scope}"
        for table in (
            *("states_statechange", "stock_stockmovement", "commissions_clawback", "payments_refundline"),
            *("payments_gatewaynotice", "settlements_deduction", "referrals_referral", "coupons_couponshare"),
        )
        for scope in ("rows", "whole")
    ),
    *(f"lifecycle_{table}_{deed}" for table in ("order", "supplierorder", "orderline") for deed in ("promise", "kept")),
    *("sums_kept_by_lines", "sums_kept_by_parts", "lifecycle_order_paid_stays", "lifecycle_orderline_window"),
    *(f"lifecycle_{table}_stays" for table in ("order", "supplierorder", "orderline")),
    *("payments_refund_within", "payments_refundline_within", "payments_payment_stays", "payments_refund_facts"),
    *("payments_refund_place", "payments_refund_replaced"),
    *(
        f"settlements_{table}_{deed}"
        for table in ("earning", "statement", "supplierpayout")
        for deed in ("facts", "kept")
    ),
    *("settlements_earning_stays", "settlements_statement_agreed", "settlements_supplierpayout_stays"),
    *("stock_reservation_facts", "stock_reservation_kept"),
    *("lifecycle_order_sums", "commissions_commission_facts", "commissions_rule_kept", "payouts_withdrawal_facts"),
    *("payments_payment_fixed", "payments_refund_fixed", "referrals_referral_loop", "stores_store_code"),
    *("settlements_line_not_own", "settlements_commission_promised", "settlements_commission_due"),
    *("settlements_earning_due", "lifecycle_orderline_subsidy_promise", "checkout_coupon_lines", "coupons_use_sums"),
    *("coupons_share_sums", "coupons_per_person", "coupons_coupon_terms", "coupons_coupon_kept"),
    *("lifecycle_supplierorder_dispatch", "lifecycle_supplierorder_dispatch_kept"),
    *("coupons_couponuse_first", "coupons_couponuse_first_kept"),
    *("coupons_couponclaim_fixed", "coupons_couponclaim_kept", "coupons_couponuse_fixed", "coupons_couponuse_kept"),
]
CONSTRAINTS = [
    *("order_payable_adds_up", "supplier_order_payable_adds_up", "order_line_paid_adds_up"),
    *("order_paid_all_or_nothing", "order_refunds_within_paid", "supplier_order_refunds_within"),
    *("order_paid_as_its_state_says", "order_refunded_is_all_of_it"),
    *("order_line_refunds_within", "order_line_within_pool", "order_line_two_stores"),
    *("payment_refunds_within", "payment_refunds_counted", "payment_applied_once", "payment_transaction_once"),
    *("payment_applied_is_paid", "refund_amount", "refund_line_once", "notice_once"),
    *("notice_applied_once", "payouts_bill_once"),
    *("commissions_once_per_level", "commissions_one_level_each", "commissions_two_levels", "commissions_amount"),
    *("commissions_claw_back_within", "commissions_claw_back_once", "commissions_settled_after_due"),
    *("commissions_clawed_back_whole", "earning_once_per_line", "earning_once_for_freight"),
    *("earning_deductions_within", "payouts_amount_positive", "payouts_tax_below_amount"),
    *("stock_on_hand_not_negative", "stock_reserved_not_negative", "stock_returned_was_sold", "stock_adds_up"),
    *("stock_one_reservation", "stock_returned_once", "aftersale_one_open_per_line"),
    *("work_due_once", "work_idempotency_key_once"),
    *("coupons_budget_within", "coupons_pieces_within", "coupons_turn_once", "coupons_piece_used_once"),
    *(
        "coupons_first_order_once",
        "coupons_use_once",
        "coupons_share_once",
        "coupons_share_borne_whole",
        "coupons_funded_whole",
    ),
]

CHECKS = [
    Check(
        "state_edge",
        ("M13",),
        """
        SELECT h.subject, format('went from %%s to %%s, which is no step', h.source, h.target)
        FROM states_statechange h
        WHERE split_part(h.subject, ':', 1) = ANY (%(edge_lives)s) AND NOT EXISTS (
            SELECT FROM unnest(%(edge_lives)s::text[], %(edge_sources)s::text[], %(edge_targets)s::text[])
                AS e(life, source, target)
            WHERE e.life = split_part(h.subject, ':', 1) AND e.source = h.source AND e.target = h.target)
    """,
    ),
    Check(
        "state_history",
        ("M13",),
        """
        SELECT h.subject, format('left %%s although it was %%s', h.source, h.before)
        FROM (
            SELECT subject, source, lag(target) OVER (PARTITION BY subject ORDER BY id) AS before
            FROM states_statechange
        ) h
        WHERE h.before <> h.source
    """,
    ),
    Check(
        "state_now",
        ("M13",),
        f"""
        SELECT r.subject, format('is %%s, its history says %%s', r.state, coalesce(h.target, r.first))
        FROM ({_ROWS}) r
        LEFT JOIN (
            SELECT DISTINCT ON (subject) subject, target FROM states_statechange ORDER BY subject, id DESC
        ) h ON h.subject = r.subject
        WHERE r.state <> coalesce(h.target, r.first)
    """,  # noqa: S608 - words above
    ),
    # Each pair once, so that the walk ends in a loop too.
    Check(
        "referral_graph",
        ("R1",),
        """
        SELECT s.code, 'recruited itself, straight or through others'
        FROM (
            WITH RECURSIVE up AS (
                SELECT distributor_id, referrer_id FROM referrals_referral
                UNION
                SELECT up.distributor_id, r.referrer_id
                FROM up JOIN referrals_referral r ON r.distributor_id = up.referrer_id
            )
            SELECT distributor_id FROM up WHERE referrer_id = distributor_id
        ) looped
        JOIN stores_store s ON s.distributor_id = looped.distributor_id
        UNION ALL
        SELECT s.code, 'was recruited more than once'
        FROM referrals_referral r JOIN stores_store s ON s.distributor_id = r.distributor_id
        GROUP BY s.code HAVING count(*) > 1
    """,
    ),
    Check(
        "trade_guard_missing",
        ("M4", "M7", "M8", "M9", "M10", "M12", "M13", "M14", "M15", "M16", "M20", "M21", "R1", "R2", "S1", "S3", "S4"),
        GUARDS,
    ),
]
