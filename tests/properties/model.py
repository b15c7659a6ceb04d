"""A second, much smaller shop: what the real one must come to, in plain Python with arithmetic of its own.

It imports nothing of the project. Amounts in fen, instants in seconds, rates in basis points. An order has parts, a part
lines; freight is a line without a sku. A share is what somebody has from a line, a gift what our coupons add to it.

It has fewer than 150 lines of code: those with anything on them but a comment or a docstring. A test counts them.
"""

from collections import defaultdict
from types import SimpleNamespace as Thing
from typing import Any

LEVEL1, LEVEL2, FEE, FREE_FROM, DAY = 1_111, 333, 500, 19_900, 86_400
SILENCE = {"opened": 2 * DAY, "rejected": 3 * DAY}  # after which a case is decided without a word
OVER = ("completed", "closed")
PIECES, USE_DAYS = 3, 30  # of each coupon, and of each piece


def cut(fen: int, weights: list[int]) -> list[int]:
    """Split an amount; the fen left over go where most was cut off, to the first of equals."""
    parts = [fen * weight // sum(weights) for weight in weights]
    longing = sorted(range(len(parts)), key=lambda place: -(fen * weights[place] % sum(weights)))
    return [part + (place in longing[: fen - sum(parts)]) for place, part in enumerate(parts)]


def new_line(sku: str, pieces: int, paid: int, shares: list[tuple[str, int, int]], gift: int = 0) -> Thing:
    """A line, with what is left of it and of everybody's share."""
    kept = [Thing(owner=one, whole=fen, fen=fen, rate=rate, account="frozen") for one, fen, rate in shares if fen]
    life = {"left": paid, "left_pieces": pieces, "shelved": 0, "case": ""}
    return Thing(sku=sku, pieces=pieces, paid=paid, shares=kept, gift=gift, **life)


def worth(fen: int, rate: int, line: Thing) -> int:
    """What is left of a share: a full commission at its rate, anything else in proportion."""
    is_full = rate and fen == line.paid * rate // 10_000
    return line.left * rate // 10_000 if is_full else fen * line.left // line.paid


def pending(order: Thing) -> list[Thing]:
    return [refund for refund in order.refunds if refund.state != "succeeded"]


class Shop:
    """Who has what: money in ``purse`` by (owner, account), coupons in ``pieces`` by (who, code), one of each at most.

    ``goods`` by sku: supplier, supply price (0: by commission), retail price, pieces. ``coupons`` by code: whose goods it is
    for; fen off at most, and of what share of those goods; goods from; budget; borne by us, the supplier, the store.
    """

    def __init__(self, goods: dict[str, tuple[str, int, int, int]], coupons: dict[str, Any]) -> None:
        self.goods, self.coupons = goods, coupons
        self.purse: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.pieces: dict[tuple[str, str], Thing] = {}
        self.orders: list[Thing] = []

    def shelf(self, sku: str) -> list[int]:
        """How many are on hand, reserved, sold, and of these returned."""
        lines = [(order.state, line) for order in self.orders for line in order.lines if line.sku == sku]
        reserved = sum(line.pieces for state, line in lines if state == "placed")
        sold = sum(line.pieces for state, line in lines if state not in ("placed", "cancelled"))
        returned = sum(line.shelved for _state, line in lines)
        return [self.goods[sku][3] - reserved - sold + returned, reserved, sold, returned]

    def used(self, code: str) -> list[int]:
        """How many pieces of a coupon are held, and how much they have taken off."""
        pieces = [piece for piece in self.pieces.values() if piece.code == code]
        return [len(pieces), sum(piece.fen for piece in pieces if piece.state == "used")]

    def claim(self, who: str, code: str, now: int) -> bool:
        taken, spent = self.used(code)
        may = (who, code) not in self.pieces and taken < PIECES and spent < self.coupons[code][4]
        if may:
            self.pieces[who, code] = Thing(code=code, until=now + USE_DAYS * DAY, state="claimed", fen=0)
        return may

    def take_off(self, piece: Thing, quotes: list[Thing], now: int) -> list[list[int]]:
        """What a piece takes off each price, cut by who bears it; nothing at all when it cannot be used."""
        supplier, most, rate, least, budget, bearers = self.coupons[piece.code]
        scope = [one.price * (supplier in ("", one.supplier)) for one in quotes]
        piece.fen = min(most, sum(scope) * rate // 10_000) if piece.state != "used" else piece.fen
        is_over = piece.state == "used" or piece.until <= now or self.used(piece.code)[1] + piece.fen > budget
        return [] if is_over or sum(scope) < least else [cut(part, bearers) for part in cut(piece.fen, scope)]

    def place(self, wishes: Any, piece: Thing, credit: tuple[str, str, bool], now: int) -> Thing | None:
        """Take an order; its credit is whose sale it is, who recruited her, and whether it is her own."""
        quotes = [self.quote(sku, pieces, credit[2]) for sku, pieces in wishes]
        borne = self.take_off(piece, quotes, now) if piece.code else [[0, 0, 0] for _quote in quotes]
        wanted = {sku: sum(pieces for one, pieces in wishes if one == sku) for sku, _pieces in wishes}
        if not borne or any(self.shelf(sku)[0] < pieces for sku, pieces in wanted.items()):
            return None
        piece.state = "used"
        order = Thing(parts=[], lines=[], refunds=[], piece=piece, state="placed", until=now + 1_800)
        for supplier in dict.fromkeys(quote.supplier for quote in quotes):
            mine = [(quote, off) for quote, off in zip(quotes, borne, strict=True) if quote.supplier == supplier]
            lines = [self.line(quote, off, credit) for quote, off in mine]
            is_free = sum(quote.price for quote, _off in mine) >= FREE_FROM
            fen = 0 if is_free else 600 + 200 * sum(line.pieces for line in lines)
            freight = new_line("", 0, fen, [(supplier, fen, 0)])
            order.parts.append(Thing(lines=lines, freight=freight, state="to_ship", at=0))
            order.lines += [*lines, freight]
        self.orders.append(order)
        return order

    def quote(self, sku: str, pieces: int, own: bool) -> Thing:
        """What goods cost; whose own sale it is has her commission off at once, as far as there is room for it."""
        supplier, supply, retail, _pieces = self.goods[sku]
        full = retail * pieces
        price = full - own * min(full * LEVEL1 // 10_000, full - (supply * pieces or full * FEE // 10_000))
        return Thing(sku=sku, pieces=pieces, supplier=supplier, supply=supply * pieces, price=price)

    def line(self, quote: Thing, off: list[int], credit: tuple[str, str, bool]) -> Thing:
        """A line at its price less what we, the supplier and the code's store bear; she as far as her share goes."""
        (ours, theirs, hers), (store, referrer, own) = off, credit
        paid, rest = quote.price - sum(off), quote.price - theirs
        fixed = quote.supply - theirs if quote.supply else rest * FEE // 10_000
        first = min(paid * LEVEL1 // 10_000, rest - fixed) if store and not own else 0
        second = min(paid * LEVEL2 // 10_000, rest - fixed - first) if referrer else 0
        owed, borne = fixed if quote.supply else rest - fixed - first - second, min(hers, first)
        shares = [(store, first - borne, LEVEL1), (referrer, second, LEVEL2), (quote.supplier, owed, 0)]
        return new_line(quote.sku, quote.pieces, paid, shares, ours + hers - borne)

    def pay(self, order: Thing) -> None:
        """Money came in: it pays the order, or all of it goes back."""
        fen = sum(line.paid for line in order.lines)
        self.purse["gateway", ""] += fen
        if order.state != "placed":
            order.refunds.append(Thing(fen=fen, line=None, state="requested", again=False))
            return
        order.state = "paid"
        for share in (share for line in order.lines for share in line.shares):
            self.purse[share.owner, "frozen"] += share.fen

    def refund(self, order: Thing, back: list[tuple[Thing, int, int]], shelve: bool, case: Thing | None = None) -> None:
        """Give back (line, pieces, fen); everybody gives up what the rest no longer earns."""
        for line, pieces, fen in back:
            line.left, line.left_pieces = line.left - fen, line.left_pieces - pieces
            line.shelved += pieces * shelve
            line.case = line.case if line.left or line.case != "opened" else ""
            for share in line.shares:
                lost = share.fen - worth(share.whole, share.rate, line)
                covered = min(lost, self.purse[share.owner, share.account])
                share.fen -= lost
                self.purse[share.owner, share.account] -= covered
                self.purse[share.owner, "debt"] += lost - covered
        order.refunds.append(Thing(fen=sum(fen for *_goods, fen in back), line=case, state="requested", again=False))
        for part in order.parts:
            part.state = part.state if part.state == "completed" or any(line.left for line in part.lines) else "closed"
        if not any(line.left for line in order.lines) and not any(part.at for part in order.parts):
            order.piece.state = "returned"

    def ask(self, part: Thing, line: Thing, pieces: int, fault: bool, now: int) -> None:
        """Open a case about some pieces, 0 for all that is left; the last goods take the freight with them."""
        fen = line.left * pieces // line.left_pieces if pieces else line.left
        takes_freight = fen == sum(one.left for one in part.lines) and (fault or part.state == "to_ship")
        line.asked = [(line, pieces, fen), (part.freight, 0, part.freight.left * takes_freight)]
        line.case, line.until = "opened", now + SILENCE["opened"]

    def agree(self, order: Thing, line: Thing, shelve: bool) -> None:
        """What a case still asks for goes back, as far as it has not gone another way."""
        back = [(one, min(pieces, one.left_pieces), min(fen, one.left)) for one, pieces, fen in line.asked]
        line.case = "paying" if any(fen for _line, _pieces, fen in back) else ""
        if line.case:
            self.refund(order, back, shelve, line)

    def end(self, order: Thing, refund: Thing, arrived: bool) -> None:
        """The gateway gave the money back, or could not."""
        refund.state = "succeeded" if arrived else "failed"
        self.purse["gateway", ""] -= refund.fen * arrived
        if arrived and refund.line:
            refund.line.case = ""
        self.finish(order)

    def sweep(self, now: int) -> None:
        """Everything that falls due by itself: silence decides, windows close, what is closed is settled."""
        for order in self.orders:
            if order.state == "placed" and order.until <= now:
                self.cancel(order)
            for _twice in range(2):
                for part in order.parts:
                    self.look_at(order, part, now)
                silent = [line for line in order.lines if line.case in SILENCE and line.until <= now]
                for line in sorted(silent, key=lambda line: line.until):
                    self.agree(order, line, False)
            self.finish(order)
        for piece in self.pieces.values():
            piece.state = "expired" if piece.state != "used" and piece.until <= now else piece.state

    def look_at(self, order: Thing, part: Thing, now: int) -> None:
        """What left long ago has arrived; later its lines are final, but for those with a case, and settled."""
        if part.state == "shipped" and part.at + 10 * DAY <= now:
            part.state, part.at = "received", now
        is_late = part.state == "received" and part.at + 7 * DAY <= now
        if is_late and not any(line.case for line in part.lines) and not pending(order):
            part.state = "completed"
        final = [line for line in part.lines if is_late and not line.case] + [part.freight] * (part.state in OVER)
        for share in (share for line in final for share in line.shares if share.account == "frozen"):
            share.account, repaid = "available", min(share.fen, self.purse[share.owner, "debt"])
            for account, change in (("frozen", -share.fen), ("debt", -repaid), ("available", share.fen - repaid)):
                self.purse[share.owner, account] += change

    def finish(self, order: Thing) -> None:
        if order.state == "paid" and all(part.state in OVER for part in order.parts) and not pending(order):
            order.state = "completed" if any(line.left for line in order.lines) else "refunded"

    def cancel(self, order: Thing) -> None:
        order.state, order.piece.state = "cancelled", "returned"
