"""Who supplies: applying, selling, pausing, leaving; the people and the papers."""

from datetime import date

import pytest
from django.db import IntegrityError, connection, transaction

from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid, NotFound
from shop.states.machine import StateConflict
from shop.states.models import StateChange
from shop.suppliers import actions, queries
from shop.suppliers.models import Supplier, SupplierMember
from tests.shop.goods import NOON, orchard

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("13800000001", name="Alice")


@pytest.fixture
def bob() -> User:
    return User.objects.create_user("13800000002", name="Bob")


def test_a_supplier_lives_from_application_to_leaving() -> None:
    supplier = actions.create(name="青梨果园", code="pear-orchard")
    actions.approve(supplier=supplier, actor="staff:U1", at=NOON)
    actions.suspend(supplier=supplier, actor="staff:U1", at=NOON, reason="papers ended")
    actions.reinstate(supplier=supplier, actor="staff:U1", at=NOON)
    actions.leave(supplier=supplier, actor="supplier:pear-orchard", at=NOON)
    steps = StateChange.objects.filter(subject="supplier:pear-orchard").order_by("pk")
    assert list(steps.values_list("source", "target", "actor")) == [
        ("applied", "active", "staff:U1"),
        ("active", "suspended", "staff:U1"),
        ("suspended", "active", "staff:U1"),
        ("active", "left", "supplier:pear-orchard"),
    ]


def test_approving_twice_and_reinstating_an_applicant_are_refused() -> None:
    supplier = actions.create(name="青梨果园")
    with pytest.raises(Conflict):
        actions.reinstate(supplier=supplier, actor="staff:U1", at=NOON)
    actions.approve(supplier=supplier, actor="staff:U1", at=NOON)
    with pytest.raises(Conflict):
        actions.approve(supplier=supplier, actor="staff:U1", at=NOON)
    with pytest.raises(Invalid) as refusal:
        actions.suspend(supplier=supplier, actor="staff:U1", at=NOON, reason=" ")
    assert refusal.value.field == "reason"


def test_the_database_refuses_a_step_the_table_does_not_have() -> None:
    supplier = orchard()
    with pytest.raises(IntegrityError), transaction.atomic():
        Supplier.objects.filter(pk=supplier.pk).update(state="applied")
    actions.leave(supplier=supplier, actor="system", at=NOON)
    with pytest.raises(StateConflict):
        actions.suspend(supplier=supplier, actor="system", at=NOON, reason="late")


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("name", {"name": "x"}),
        ("name", {"name": "x" * 81}),
        ("code", {"code": "no spaces"}),
        ("code", {"code": "-x"}),
        ("contract", {"contract": "handshake"}),
        ("fee_bp", {"fee_bp": 10_001}),
        ("fee_bp", {"fee_bp": -1}),
        ("about", {"about": "x" * 301}),
    ],
)
def test_bad_input_names_its_field_and_writes_nothing(field: str, given: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.create(**{"name": "青梨果园", **given})  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert Supplier.objects.count() == 0


def test_name_and_code_are_taken_once() -> None:
    orchard("青梨果园", code="pears")
    with pytest.raises(Conflict) as by_name:
        actions.create(name="青梨果园")
    with pytest.raises(Conflict) as by_code:
        actions.create(name="另一家", code="pears")
    assert (by_name.value.field, by_code.value.field) == ("name", "code")


def test_a_person_works_for_one_supplier_and_the_last_owner_stays(alice: User, bob: User) -> None:
    pears, plums = orchard("青梨果园"), orchard("红李果园")
    actions.add_member(supplier=pears, user=alice, role=SupplierMember.Role.OWNER)
    actions.add_member(supplier=pears, user=bob)
    assert (queries.supplier_of(alice), queries.role_of(bob)) == (pears, "staff")
    assert [member.user for member in queries.members_of(pears)] == [alice, bob]
    with pytest.raises(Conflict):
        actions.add_member(supplier=plums, user=bob)
    with pytest.raises(Conflict):
        actions.remove_member(supplier=pears, user=alice)
    with pytest.raises(Conflict):
        actions.add_member(supplier=pears, user=alice, role=SupplierMember.Role.STAFF)
    with pytest.raises(Conflict):
        actions.remove_member(supplier=plums, user=bob)
    actions.add_member(supplier=pears, user=bob, role=SupplierMember.Role.OWNER)
    actions.remove_member(supplier=pears, user=alice)
    assert queries.supplier_of(alice) is None


def test_papers_that_end_soon_are_found(alice: User) -> None:
    supplier = orchard()
    for kind, ends in {"食品经营许可证": date(2026, 6, 1), "营业执照": None, "商标": date(2027, 1, 1)}.items():
        actions.save_qualification(supplier=supplier, kind=kind, paper_number="A-1", valid_until_date=ends)
    actions.save_qualification(supplier=supplier, kind="商标", paper_number="A-2", valid_until_date=date(2026, 5, 30))
    ending = queries.qualifications_ending(upto=date(2026, 6, 1))
    assert [(paper.kind, paper.paper_number) for paper in ending] == [
        ("商标", "A-2"),
        ("食品经营许可证", "A-1"),
    ]
    assert queries.qualifications_of(supplier).count() == 3


def test_profile_and_terms_change_and_a_code_finds_its_supplier() -> None:
    supplier = orchard(code="pears")
    actions.update_profile(supplier=supplier, return_address="安徽省宿州市砀山县果园路 1 号", about="三代果农")
    actions.change_terms(supplier=supplier, contract=Supplier.Contract.COMMISSION, fee_bp=500)
    found = queries.supplier_by_code("pears")
    assert (found.return_address, found.about, found.contract, found.fee_bp) == (
        "安徽省宿州市砀山县果园路 1 号",
        "三代果农",
        "commission",
        500,
    )
    with pytest.raises(NotFound):
        queries.supplier_by_code("plums")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM suppliers_supplier")
        assert cursor.fetchone() == (1,)
