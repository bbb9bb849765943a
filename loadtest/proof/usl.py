"""The Universal Scalability Law (Gunther): throughput at a concurrency N is rate·N / (1 + α(N-1) + βN(N-1)).

α is what has to be done one after the other, β what grows with every pair that must agree. Fitted by least squares on
N/X, which is linear in the three; the interval is what remains when each point in turn is left out. Pure.
"""

import math
from collections.abc import Sequence

import msgspec

_FEWEST_POINTS = 4
_UNKNOWNS = 3


class Fit(msgspec.Struct, frozen=True):
    """The law's numbers, and the throughput at its peak with the range over the fits with one point less."""

    single: float
    alpha: float
    beta: float
    peak: float
    peak_least: float
    peak_most: float


def fit(points: Sequence[tuple[float, float]]) -> Fit | None:
    """From pairs of concurrency and throughput; None when there are too few of them, or no law fits."""
    usable = [(n, x) for n, x in points if n > 0 and x > 0]
    if len(usable) < _FEWEST_POINTS:
        return None
    whole = _solve(usable)
    if whole is None:
        return None
    top = max(n for n, _ in usable)
    others = [_solve([*usable[:left], *usable[left + 1 :]]) for left in range(len(usable))]
    peaks = [_peak(other, top) for other in others if other is not None]
    peak = _peak(whole, top)
    single, alpha, beta = whole
    return Fit(single, alpha, beta, peak, min([*peaks, peak]), max([*peaks, peak]))


def throughput(law: tuple[float, float, float], concurrency: float) -> float:
    """What the law gives at a concurrency."""
    single, alpha, beta = law
    return single * concurrency / (1 + alpha * (concurrency - 1) + beta * concurrency * (concurrency - 1))


def _peak(law: tuple[float, float, float], top: float) -> float:
    """The highest throughput; without β it is never reached, and taken at four times the highest concurrency."""
    _, alpha, beta = law
    if beta <= 0:
        return throughput(law, 4 * top)
    best = math.sqrt(max(0.0, 1 - alpha) / beta)
    return throughput(law, max(1.0, min(best, 4 * top)))


def _solve(points: Sequence[tuple[float, float]]) -> tuple[float, float, float] | None:
    """α and β are not negative: where least squares would have one so, it is left out."""
    for columns in ((0, 1, 2), (0, 1), (0, 2), (0,)):
        found = _least_squares(points, columns)
        if found is not None and found[0] > 0 and min(found[1:]) >= 0:
            single = 1 / found[0]
            return single, found[1] * single, found[2] * single
    return None


def _least_squares(points: Sequence[tuple[float, float]], columns: Sequence[int]) -> list[float] | None:
    """N/X = c0 + c1 (N-1) + c2 N(N-1), weighted by X/N so that errors are relative; the columns left out are 0."""
    rows = []
    for n, x in points:
        terms = (1.0, n - 1, n * (n - 1))
        rows.append(([terms[column] * x / n for column in columns], 1.0))
    size = len(columns)
    matrix = [
        [sum(row[i] * row[j] for row, _ in rows) for j in range(size)] + [sum(row[i] * y for row, y in rows)]
        for i in range(size)
    ]
    solution = _eliminate(matrix)
    if solution is None:
        return None
    found = [0.0] * _UNKNOWNS
    for column, value in zip(columns, solution, strict=True):
        found[column] = value
    return found


def _eliminate(matrix: list[list[float]]) -> list[float] | None:
    """Gauss and Jordan, with pivots."""
    size = len(matrix)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(matrix[row][column]))
        if abs(matrix[pivot][column]) < 1e-12:  # noqa: PLR2004 - no column of its own
            return None
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        for row in range(size):
            if row != column:
                factor = matrix[row][column] / matrix[column][column]
                matrix[row] = [a - factor * b for a, b in zip(matrix[row], matrix[column], strict=True)]
    return [matrix[row][size] / matrix[row][row] for row in range(size)]
