"""The database's tables of lives are those of the code, edge by edge."""

import json

import pytest

from distributors.commissions.states import COMMISSION
from distributors.payouts.states import WITHDRAWAL
from distributors.stores.states import DISTRIBUTOR
from tests.distributors.sellers import rows


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("table", "lives"),
    [
        ("stores_distributor", DISTRIBUTOR),
        ("commissions_commission", COMMISSION),
        ("payouts_withdrawal", WITHDRAWAL),
    ],
)
def test_the_database_knows_the_same_edges_as_the_code(table, lives):
    ((definition,),) = rows("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %s", f"{table}_states")
    guarded = json.loads(definition.partition("states_guard('")[2].removesuffix("')"))
    spoken = {str(source): [str(target) for target in targets] for source, targets in lives.edges.items()}
    assert guarded == spoken


def test_the_ends_of_the_lives_are_ends():
    assert DISTRIBUTOR.ends() == {"banned"}
    assert COMMISSION.ends() == {"clawed_back"}
    assert WITHDRAWAL.ends() == {"paid", "failed", "rejected", "cancelled"}
