"""A town that stands for a whole module of tests: built once, played in by examples that leave nothing behind."""

import gc
import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management.color import no_style
from django.db import connection
from django.test import override_settings

from shop.gateways import registry
from tests.properties import model
from tests.properties.rail import Rail
from tests.properties.stage import COUPONS, GOODS, PLAYED_CLOCK, build_town
from tests.properties.trade_machine import TradeMachine


@contextmanager
def opened_town() -> Iterator[type[TradeMachine]]:
    """Build the town and its beginning, and clear everything away in the end. The gateway is the machine's own."""
    with connection.cursor() as cursor:
        cursor.execute(PLAYED_CLOCK)

    class Machine(TradeMachine):
        town = build_town()
        before = pickle.dumps((Rail(), model.Shop(GOODS, COUPONS), 0, [], [], set()))

        def __init__(self) -> None:
            super().__init__()
            patch.setattr(registry, "_wechat_pay", lambda name, facts: self.rail)

    with override_settings(LINJIA_WITHDRAWALS_PER_DAY_MAX=1_000), pytest.MonkeyPatch.context() as patch:
        try:
            Machine.before = Machine().history()
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
            # Everything made so far stays; looking through it again and again would cost as much as the test.
            gc.collect()
            gc.freeze()
            yield Machine
        finally:
            gc.unfreeze()
            tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
            connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables))
            with connection.cursor() as cursor:
                cursor.execute("DROP SCHEMA played CASCADE")
