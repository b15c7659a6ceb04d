"""What a privileged hand does in the database, and what must turn red; each in the scenario ``shipped``."""

_ORDER = "(SELECT id FROM lifecycle_order ORDER BY id LIMIT 1)"
SQL = {
    "a balance is edited": (
        {"running_sums", "book_sum"},
        "UPDATE ledger_account SET credits_fen = credits_fen + 1 WHERE path LIKE 'store/%/available'",
    ),
    "a transfer is deleted": (
        {"running_sums", "journal_without_transfer"},
        "DELETE FROM ledger_transfer WHERE journal_id = (SELECT id FROM ledger_journal WHERE kind = 'fee_taken' LIMIT 1)",
    ),
    "a digest is changed": (
        {"digest"},
        (
            "INSERT INTO ledger_dailydigest (date, until_at, previous, digest, transfers_count) "
            "VALUES (current_date - 2, current_date - 1, '', repeat('0', 64), 0)"
        ),
    ),
    "a recruiter recruits her own recruiter": (
        {"referral_graph"},
        (
            "INSERT INTO referrals_referral SELECT (jsonb_populate_record(r, jsonb_build_object("
            "'distributor_id', r.referrer_id, 'referrer_id', r.distributor_id))).* FROM referrals_referral r"
        ),
    ),
    "money as a binary fraction": ({"float_column"}, "ALTER TABLE lifecycle_order ADD COLUMN tip_fen double precision"),
    "the app may write into the books": ({"app_rights"}, "GRANT INSERT ON ledger_journal TO linjia_app"),
    "a guard is put aside": (
        {"trade_guard_missing"},
        "ALTER TABLE payouts_withdrawal DISABLE TRIGGER payouts_withdrawal_facts",
    ),
    "a commission is given to somebody else": (
        {"commission_snapshot", "commission_books", "store_sum"},
        (
            "ALTER TABLE commissions_commission DROP CONSTRAINT commissions_one_level_each; "
            "UPDATE commissions_commission SET store_id = (SELECT max(id) FROM stores_store) "
            "WHERE store_id = (SELECT min(id) FROM stores_store)"
        ),
    ),
    "a commission is settled before its time": (
        {"commission_early"},
        (
            "UPDATE commissions_commission SET settled_at = settled_at - interval '30 days', "
            "due_at = due_at - interval '30 days'"
        ),
    ),
    "a supplier is settled before her time": (
        {"earning_early"},
        "UPDATE settlements_earning SET settled_at = settled_at - interval '30 days'",
    ),
    "an account that is on no chart": (
        {"off_the_chart", "guard_missing"},
        (
            "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_on_chart; INSERT INTO ledger_account "
            "(path, kind, guarded, debits_fen, credits_fen) VALUES ('thief', 'liability', false, 0, 0)"
        ),
    ),
    "a statement begins with money nobody knows": (
        {"statement_chain", "statement_books"},
        (
            "INSERT INTO settlements_statement (number, supplier_id, from_date, until_date, state, opening_fen, settled_fen, "
            "deducted_fen, paid_fen, closing_fen, available_upto, debt_upto, note) SELECT 'T1', min(id), current_date - 7, "
            "current_date, 'open', 5, 0, 0, 0, 5, 0, 0, '' FROM suppliers_supplier"
        ),
    ),
    "a supplier was paid out of nothing": (
        {"payout_booked"},
        (
            "INSERT INTO settlements_statement (number, supplier_id, from_date, until_date, state, opening_fen, settled_fen, "
            "deducted_fen, paid_fen, closing_fen, available_upto, debt_upto, note) SELECT 'T1', min(id), current_date - 7, "
            "current_date, 'confirmed', 0, 0, 0, 0, 0, 0, 0, '' FROM suppliers_supplier; INSERT INTO "
            "settlements_supplierpayout (number, statement_id, supplier_id, amount_fen, state, started_by, started_at, "
            "bank_reference, fail_reason) SELECT 'Y1', id, supplier_id, 100, 'started', 'x', now(), '', '' "
            "FROM settlements_statement"
        ),
    ),
    "a supplier's money waits although it was settled": (
        {"earning_books", "state_now"},
        "UPDATE settlements_earning SET state = 'frozen'",
    ),
    "a buyer earns from her own order": (
        {"commission_beneficiary"},
        (
            "UPDATE lifecycle_order SET user_id = (SELECT d.user_id FROM stores_distributor d JOIN stores_store s "
            "ON s.distributor_id = d.id ORDER BY s.id LIMIT 1)"
        ),
    ),
    "a claw-back is forgotten": (
        {"claw_backs", "commission_rule"},
        "UPDATE commissions_commission SET clawed_back_fen = 1",
    ),
    "a state is set by hand": (
        {"state_now", "order_paid", "reservation", "trade_guard_missing"},
        (
            "ALTER TABLE lifecycle_order DROP CONSTRAINT order_paid_as_its_state_says; "
            f"UPDATE lifecycle_order SET state = 'cancelled' WHERE id = {_ORDER}"
        ),
    ),
    "a step is left out of the history": (
        {"state_history", "state_edge"},
        "UPDATE states_statechange SET source = 'placed' WHERE subject LIKE 'supplier_order:%' AND target = 'shipped'",
    ),
    "a line is cheaper than it was": (
        {"order_adds_up"},
        "UPDATE lifecycle_orderline SET paid_fen = paid_fen - 1, discount_fen = discount_fen + 1, pool_fen = pool_fen - 1",
    ),
    "more is refunded than was bought": (
        {"refund_too_large", "line_refunded"},
        (
            "ALTER TABLE lifecycle_orderline DROP CONSTRAINT order_line_refunds_within; "
            "UPDATE lifecycle_orderline SET refunded_quantity = quantity + 1"
        ),
    ),
    "pieces vanish from the shelf": (
        {"stock_movements"},
        "UPDATE stock_stockitem SET on_hand = on_hand - 1, received = received - 1",
    ),
    "more is sold than there was": (
        {"oversold", "stock_sums", "stock_movements"},
        "ALTER TABLE stock_stockitem DROP CONSTRAINT stock_adds_up; UPDATE stock_stockitem SET sold = received + 1",
    ),
    "a reservation ends twice": (
        {"reservation_ends"},
        (
            "INSERT INTO stock_stockmovement (sku_id, kind, quantity, reference, at) "
            "SELECT sku_id, 'released', quantity, reference, at FROM stock_stockmovement WHERE kind = 'sold'"
        ),
    ),
    "an order holds fewer pieces than it bought": (
        {"reservation_pieces", "reservation_ends"},
        "DELETE FROM stock_reservation WHERE id = (SELECT min(id) FROM stock_reservation)",
    ),
    "a reminder is lost": ({"next_step_planned"}, "DELETE FROM work_due WHERE what = 'supplier_order.receive'"),
    "money is never due": ({"money_planned"}, "UPDATE commissions_commission SET state = 'frozen', due_at = NULL"),
    "due money lies there": (
        {"money_late"},
        "UPDATE commissions_commission SET state = 'frozen', settled_at = NULL, due_at = due_at - interval '1 day'",
    ),
    "work was given up without a word": (
        {"work_parked", "failed_silently"},
        "UPDATE work_due SET state = 'parked', last_error = '' WHERE state <> 'done'",
    ),
    "work lies there": ({"work_late"}, "UPDATE work_due SET due_at = now() - interval '900 days' WHERE state = 'open'"),
    "a task for one later moment": (
        {"task_for_later"},
        (
            "INSERT INTO django_celery_beat_periodictask (name, task, args, kwargs, enabled, one_off, total_run_count, "
            "date_changed, description, headers) VALUES ('settle once', 'x', '[]', '{}', true, true, 0, now(), '', '{}')"
        ),
    ),
    "one event is applied twice": (
        {"notice_twice", "event_twice", "trade_guard_missing"},
        (
            "ALTER TABLE payments_gatewaynotice DROP CONSTRAINT notice_once; DROP INDEX notice_applied_once; "
            "INSERT INTO payments_gatewaynotice SELECT (jsonb_populate_record(n, jsonb_build_object('id', n.id + 1000))).* "
            "FROM payments_gatewaynotice n WHERE n.outcome = 'applied'"
        ),
    ),
    "a notice leads to nothing": ({"notice_open"}, "UPDATE payments_gatewaynotice SET outcome = ''"),
    "a key is stored twice": (
        {"key_twice", "trade_guard_missing"},
        (
            "ALTER TABLE work_idempotencykey DROP CONSTRAINT work_idempotency_key_once; "
            "INSERT INTO work_idempotencykey (caller, key, request_hash, created_at) "
            "SELECT 'user:U1', 'k', 'h', now() FROM generate_series(1, 2)"
        ),
    ),
    "a payout belongs to no withdrawal": (
        {"withdrawal_booked", "move_not_allowed"},
        "UPDATE ledger_journal SET kind = 'withdrawal_paid' WHERE kind = 'payment_received'",
    ),
    "a phone can be read": ({"plain_text"}, "UPDATE accounts_user SET phone = '13800000001' WHERE name = '苏 Su'"),
    "a payment is forgotten": (
        {"gateway_account", "payment_booked", "state_now"},
        "UPDATE payments_payment SET state = 'started', is_applied = false",
    ),
}
