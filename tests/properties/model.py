"""A second, much smaller shop: what the real one must come to, in plain Python with arithmetic of its own.

It imports nothing of the project. Amounts in fen, instants in seconds, rates in basis points. An order has parts, a part
lines; freight is a line without a sku. A share is what somebody has from a line, a gift what our coupons add to it.
"""

from collections import defaultdict
from types import SimpleNamespace as Thing
from typing import Any

from tests.properties.coupon_model import Wallet

LEVEL1, LEVEL2, FEE, FREE_FROM, DAY = 1_111, 333, 500, 19_900, 86_400
SILENCE = {"opened": 2 * DAY, "rejected": 3 * DAY}  # after which a case is decided without a word


def new_line(sku: str, pieces: int, paid: int, shares: list[tuple[str, int, int]], gift: int = 0) -> Thing:
    kept = [Thing(owner=owner, amount=fen, rate=rate, settled=False) for owner, fen, rate in shares if fen]
    facts = {"back": 0, "back_pieces": 0, "closed": False, "case": "", "until": 0}
    return Thing(sku=sku, pieces=pieces, paid=paid, shares=kept, gift=Thing(amount=gift, rate=0), **facts)


def worth(share: Thing, paid: int, back: int) -> int:
    """What a share is still worth: a full commission at its rate, anything else in proportion."""
    is_full = share.rate and share.amount == paid * share.rate // 10_000
    return (paid - back) * share.rate // 10_000 if is_full else share.amount * (paid - back) // paid


class Shop:
    """Who has what: ``purse`` by (owner, account), ``shelf`` by (sku, column)."""

    def __init__(self, goods: dict[str, tuple[str, int, int, int]]) -> None:
        self.goods = goods  # sku: supplier, supply price (0: by commission), retail price, pieces
        self.purse: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.shelf = defaultdict(int, {(sku, "on_hand"): facts[3] for sku, facts in goods.items()})
        self.orders: list[Thing] = []
        self.wallet = Wallet()

    def place(self, wishes: Any, piece: Thing, store: str, referrer: str, own: bool, now: int) -> Thing | None:
        wanted = {sku: sum(pieces for one, pieces in wishes if one == sku) for sku, _pieces in wishes}
        suppliers = [self.goods[sku][0] for sku, _pieces in wishes]
        prices = [self.price(sku, pieces, own) for sku, pieces in wishes]
        borne = self.wallet.take_off(piece, suppliers, prices, now)
        if not borne or any(self.shelf[sku, "on_hand"] < pieces for sku, pieces in wanted.items()):
            return None
        piece.state = "used"
        order = Thing(parts=[], until=now + 1_800, state="placed", refunds=[], lines=[], piece=piece)
        for supplier in dict.fromkeys(suppliers):
            mine = [
                facts for facts in zip(wishes, prices, borne, strict=True) if self.goods[facts[0][0]][0] == supplier
            ]
            lines = [self.line(*wish, price, *off, store, referrer, own) for wish, price, off in mine]
            is_free = sum(price for _wish, price, _off in mine) >= FREE_FROM
            fen = 0 if is_free else 600 + 200 * sum(line.pieces for line in lines)
            freight = new_line("", 0, fen, [(supplier, fen, 0)])
            order.parts.append(Thing(lines=lines, freight=freight, state="waiting", at=0))
            order.lines += [*lines, freight]
        self.orders.append(order)
        self.move(order, "on_hand", "reserved")
        return order

    def price(self, sku: str, pieces: int, own: bool) -> int:
        _supplier, supply, retail, _pieces = self.goods[sku]
        full = retail * pieces
        return full - own * min(full * LEVEL1 // 10_000, full - (supply * pieces or full * FEE // 10_000))

    def line(self, sku: str, pieces: int, price: int, ours: int, theirs: int, hers: int, *credit: Any) -> Thing:
        """A line at its price less what we, the supplier and the code's store bear; she as far as her share goes."""
        (supplier, supply, _retail, _pieces), (store, referrer, own) = self.goods[sku], credit
        paid = price - ours - theirs - hers
        room = price - supply * pieces if supply else price - theirs - (price - theirs) * FEE // 10_000
        first = min(paid * LEVEL1 // 10_000, room) if store and not own else 0
        second = min(paid * LEVEL2 // 10_000, room - first) if referrer else 0
        owed = supply * pieces - theirs if supply else room - first - second
        first, gift = first - min(hers, first), ours + hers - min(hers, first)
        shares = [(store, first, LEVEL1), (referrer, second, LEVEL2), (supplier, owed, 0)]
        return new_line(sku, pieces, paid, shares, gift)

    def move(self, order: Thing, source: str, target: str) -> None:
        for line in order.lines:
            self.shelf[line.sku, source] -= line.pieces
            self.shelf[line.sku, target] += line.pieces

    def pay(self, order: Thing) -> None:
        """Money came in: it pays the order, or all of it goes back."""
        fen = sum(line.paid for line in order.lines)
        self.purse["gateway", ""] += fen
        if order.state != "placed":
            order.refunds.append(Thing(fen=fen, line=None, state="requested", again=False))
            return
        order.state = "paid"
        self.move(order, "reserved", "sold")
        for part in order.parts:
            part.state = "to_ship"
        for share in (share for line in order.lines for share in line.shares):
            self.purse[share.owner, "frozen"] += share.amount

    def refund(self, order: Thing, back: list[tuple[Thing, int, int]], shelve: bool, case: Thing | None = None) -> None:
        """Give back (line, pieces, fen); everybody gives up what the rest no longer earns."""
        for line, pieces, fen in back:
            for share in line.shares:
                lost = worth(share, line.paid, line.back) - worth(share, line.paid, line.back + fen)
                covered = min(lost, self.purse[share.owner, "available"]) if share.settled else lost
                self.purse[share.owner, "available" if share.settled else "frozen"] -= covered
                self.purse[share.owner, "debt"] += lost - covered
            line.back, line.back_pieces = line.back + fen, line.back_pieces + pieces
            for column in ("on_hand", "returned") if shelve else ():
                self.shelf[line.sku, column] += pieces
            if line.back == line.paid and line.case == "opened":
                line.case = ""
        total = sum(fen for _line, _pieces, fen in back)
        order.refunds.append(Thing(fen=total, line=case, state="requested", again=False))
        for part in order.parts:
            is_over = all(line.back == line.paid for line in part.lines)
            part.state = "closed" if is_over and order.state == "paid" and part.state != "completed" else part.state
        if all(line.back == line.paid for line in order.lines) and not any(part.at for part in order.parts):
            order.piece.state = "returned"

    def ask(self, part: Thing, line: Thing, pieces: int, fault: bool, now: int) -> None:
        """Open a case about some pieces, 0 for all that is left; the last goods take the freight with them."""
        left, left_pieces = line.paid - line.back, line.pieces - line.back_pieces
        fen = left * pieces // left_pieces if pieces else left
        is_last = fen == left and all(one.back == one.paid for one in part.lines if one is not line)
        takes_freight = is_last and (fault or part.state == "to_ship")
        line.asked = (pieces, fen, part.freight.paid - part.freight.back if takes_freight else 0)
        line.case, line.until = "opened", now + SILENCE["opened"]

    def agree(self, order: Thing, part: Thing, line: Thing, shelve: bool) -> None:
        """A case is right: its money goes back, as far as it has not gone another way."""
        pieces, fen, freight = line.asked
        fen, freight = min(fen, line.paid - line.back), min(freight, part.freight.paid - part.freight.back)
        line.case = "paying" if fen + freight else ""
        if fen + freight:
            goods = (line, min(pieces, line.pieces - line.back_pieces), fen)
            self.refund(order, [goods, (part.freight, 0, freight)], shelve, line)

    def end(self, order: Thing, refund: Thing, arrived: bool) -> None:
        """The gateway gave the money back, or could not."""
        refund.state = "succeeded" if arrived else "failed"
        self.purse["gateway", ""] -= refund.fen if arrived else 0
        if arrived and refund.line:
            refund.line.case = ""
        self.finish(order)

    def sweep(self, now: int) -> None:
        """Everything that falls due by itself: silence decides, windows close, what is closed is settled."""
        for order in self.orders:
            if order.state == "placed" and order.until <= now:
                self.cancel(order)
            for _round in range(2):
                for part in order.parts:
                    self.look_at(order, part, now)
                asked = [(part, line) for part in order.parts for line in part.lines if line.case in SILENCE]
                for part, line in sorted(asked, key=lambda pair: pair[1].until):
                    if line.until <= now:
                        self.agree(order, part, line, False) if line.case == "opened" else setattr(line, "case", "")
            self.finish(order)
            for part in order.parts:
                part.freight.closed = part.state in ("completed", "closed")
            for share, fen in ((s, worth(s, x.paid, x.back)) for x in order.lines if x.closed for s in x.shares):
                self.settle(share, 0 if share.settled else fen)

    def look_at(self, order: Thing, part: Thing, now: int) -> None:
        if part.state == "shipped" and part.at + 10 * DAY <= now:
            part.state, part.at = "received", now
        for line in part.lines if part.state == "received" and part.at + 7 * DAY <= now else ():
            line.closed = line.closed or not line.case
        if part.state == "received" and all(line.closed for line in part.lines) and not self.pending(order):
            part.state = "completed"

    def settle(self, share: Thing, fen: int) -> None:
        share.settled = share.settled or fen > 0
        repaid = min(fen, self.purse[share.owner, "debt"])
        for account, change in (("frozen", -fen), ("debt", -repaid), ("available", fen - repaid)):
            self.purse[share.owner, account] += change

    def finish(self, order: Thing) -> None:
        is_over = all(part.state in ("completed", "closed") for part in order.parts) and not self.pending(order)
        if order.state == "paid" and is_over:
            order.state = "refunded" if all(line.back == line.paid for line in order.lines) else "completed"

    def cancel(self, order: Thing) -> None:
        order.state, order.piece.state = "cancelled", "returned"
        self.move(order, "reserved", "on_hand")

    @staticmethod
    def pending(order: Thing) -> list[Thing]:
        return [refund for refund in order.refunds if refund.state != "succeeded"]
