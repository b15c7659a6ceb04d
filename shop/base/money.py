"""Integer fen arithmetic. Division happens here and nowhere else."""

from collections.abc import Sequence

BASIS_POINTS = 10_000
FEN_PER_YUAN = 100


def allocate(total_fen: int, weights: Sequence[int]) -> list[int]:
    """Split ``total_fen`` over ``weights`` by largest remainder; the parts always sum to the whole.

    Ties go to the earlier part, so the same input always gives the same split. When every weight
    is zero the parts are as equal as whole fen allow.

    Raises ``ValueError`` for a negative total, a negative weight, or no weights for a total above 0.
    """
    if total_fen < 0 or any(weight < 0 for weight in weights):
        raise ValueError("allocate() takes non-negative amounts and weights")
    if not weights:
        if total_fen:
            raise ValueError("allocate() needs at least one weight")
        return []
    shares = list(weights) if any(weights) else [1] * len(weights)
    whole = sum(shares)
    parts = [total_fen * share // whole for share in shares]
    remainders = [total_fen * share % whole for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda index: (-remainders[index], index))
    for index in by_remainder[: total_fen - sum(parts)]:
        parts[index] += 1
    return parts


def share_bp(amount_fen: int, rate_bp: int) -> int:
    """Return ``rate_bp`` basis points of ``amount_fen``, rounded down to whole fen.

    Raises ``ValueError`` for a negative amount or rate.
    """
    if amount_fen < 0 or rate_bp < 0:
        raise ValueError("share_bp() takes a non-negative amount and rate")
    return amount_fen * rate_bp // BASIS_POINTS


def whole_of_share(share_fen: int, rate_bp: int) -> int:
    """Return the largest amount of which ``rate_bp`` basis points, even rounded up, are within ``share_fen``.

    Raises ``ValueError`` for a negative share or a rate of zero or less.
    """
    if share_fen < 0 or rate_bp <= 0:
        raise ValueError("whole_of_share() takes a non-negative share and a rate above zero")
    return share_fen * BASIS_POINTS // rate_bp


def proportion(amount_fen: int, part: int, whole: int) -> int:
    """Return ``part / whole`` of ``amount_fen``, rounded down; the whole of it when part equals whole.

    Raises ``ValueError`` unless 0 <= part <= whole and whole > 0.
    """
    if not 0 <= part <= whole or whole == 0:
        raise ValueError("proportion() takes 0 <= part <= whole, whole > 0")
    return amount_fen * part // whole


def format_yuan(amount_fen: int) -> str:
    """Return an amount in fen as yuan with two decimals and thousands separators: ``-1,234.50``."""
    sign = "-" if amount_fen < 0 else ""
    yuan, fen = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{sign}{yuan:,}.{fen:02d}"
