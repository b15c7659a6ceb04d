"""The model's coupons: who holds a piece, what it takes off, and who bears that. Plain Python; nothing of the project.

Amounts in fen, instants in seconds, rates in basis points. Everybody holds one piece of a coupon at most.
"""

from types import SimpleNamespace as Thing

DAYS, PIECES = 30 * 86_400, 3
# Whose goods it is for; fen off at most, and of what share of those goods; goods from; budget; borne by us, supplier, store.
COUPONS = {
    "SPRING": ("", 2_000, 10_000, 10_000, 3_000, [10_000, 0, 0]),
    "FARM": ("yunling", 1_900, 1_111, 1, 3_000, [4_000, 6_000, 0]),
    "WORD": ("", 701, 10_000, 1_000, 100_000, [8_000, 0, 2_000]),
}


def cut(fen: int, weights: list[int]) -> list[int]:
    """Split an amount; the fen left over go where most was cut off, to the first of equals."""
    parts = [fen * weight // sum(weights) for weight in weights]
    longing = sorted(range(len(parts)), key=lambda place: -(fen * weights[place] % sum(weights)))
    return [part + (place in longing[: fen - sum(parts)]) for place, part in enumerate(parts)]


class Wallet:
    """Everybody's pieces, by who holds them and the coupon; a piece without a code stands for none."""

    def __init__(self) -> None:
        self.pieces: dict[tuple[str, str], Thing] = {}

    def claim(self, who: str, code: str, now: int) -> bool:
        may = (who, code) not in self.pieces and self.taken(code) < PIECES and self.spent(code) < COUPONS[code][4]
        if may:
            self.pieces[who, code] = Thing(code=code, until=now + DAYS, state="claimed", fen=0)
        return may

    def expire(self, now: int) -> None:
        for one in self.pieces.values():
            one.state = "expired" if one.state != "used" and one.until <= now else one.state

    def taken(self, code: str) -> int:
        return sum(one.code == code for one in self.pieces.values())

    def spent(self, code: str) -> int:
        return sum(one.fen for one in self.pieces.values() if one.code == code and one.state == "used")

    def take_off(self, piece: Thing, whose: list[str], prices: list[int], now: int) -> list[list[int]]:
        """What a piece takes off each price, cut by who bears it; nothing at all when it cannot be used."""
        if not piece.code:
            return [[0, 0, 0] for _price in prices]
        supplier, most, rate, least, budget, bearers = COUPONS[piece.code]
        scope = [price * (supplier in ("", one)) for one, price in zip(whose, prices, strict=True)]
        piece.fen = min(most, sum(scope) * rate // 10_000) if piece.state != "used" else piece.fen
        is_over = piece.state == "used" or piece.until <= now or self.spent(piece.code) + piece.fen > budget
        return [] if is_over or sum(scope) < least else [cut(part, bearers) for part in cut(piece.fen, scope)]
