"""Rows of a benchmark's table."""

from attrs import frozen


@frozen
class Row:
    """A ratio and the bound it is meant to keep: at most, or with `least` at least."""

    what: str
    ratio: float
    bound: float
    least: bool = False

    @property
    def kept(self) -> bool:
        return self.ratio >= self.bound if self.least else self.ratio <= self.bound


def shown(rows: list[Row]) -> str:
    """Return the rows as a table."""
    width = max(len(row.what) for row in rows)
    lines = [
        f"{row.what:<{width}}  {row.ratio:6.2f}  {'≥' if row.least else '≤'} {row.bound:<5}"
        f"  {'ok' if row.kept else 'MISSED'}"
        for row in rows
    ]
    return "\n".join(lines)
