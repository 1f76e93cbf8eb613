"""How throughput scales with concurrency: a fit of the Universal Scalability Law.

X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)): gamma is the throughput of one, alpha the share of work that
waits for others (contention), beta the cost of agreeing with each of the others (coherency). Source: Gunther, "A
General Theory of Computational Scalability Based on Rational Functions", arXiv:0808.1431, 2008.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from loadtest.records.comparison import Scaling

_MOST_ERROR = 0.2  # residuals larger than this share of the values: the law does not describe them
_MOST_GAMMA_ERROR = 0.5  # an unknown throughput of one leaves alpha and beta unknown with it
_STARTS = ((0.1, 0.0), (1.0, 0.1), (10.0, 10.0), (0.1, 10.0))  # alpha and beta, in units of the highest level

Points = Sequence[tuple[float, Sequence[float]]]


@dataclass(frozen=True, slots=True)
class _Law:
    """Fitted parameters, their standard errors (None: nothing to tell them by) and the residuals' size."""

    gamma: float
    alpha: float
    beta: float
    errors: tuple[float, float, float] | None
    error: float

    def at(self, level: float) -> float:
        return self.gamma * level / (1 + self.alpha * (level - 1) + self.beta * level * (level - 1))


def fit(group: str, points: Points) -> Scaling:
    """The law fitted to (concurrency, goodput of each repeat), or the reason why there is no fit.

    Least squares on logarithms, so that an error of 3 % weighs the same at each level. Values of zero have no
    logarithm and are left out, which the sentence says. There is no fit with fewer than three levels, if residuals
    are above 20 %, or if gamma's standard error is above half of gamma. Three levels determine three parameters and
    leave nothing to judge them by, so the errors are None. `peak_at` needs a beta above two of its standard errors,
    and lies within the measured levels.
    """
    levels = _by_level(points)
    used = {level: [value for value in values if value > 0] for level, values in levels.items()}
    used = {level: values for level, values in used.items() if values}
    zeros = [level for level, values in levels.items() if 0.0 in values]
    left_out = f"; goodput of zero at {_listed(zeros)} is left out" if zeros else ""
    if len(used) < 3:
        return _no_fit(group, f"{len(used)} of at least 3 levels of concurrency", left_out)
    law = _fitted(used)
    if law.error > _MOST_ERROR:
        return _no_fit(group, f"the law misses the measured values by {law.error:.0%}", left_out)
    if law.errors is not None and not law.errors[0] <= _MOST_GAMMA_ERROR * law.gamma:
        return _no_fit(group, "the measured levels do not determine the law; add lower levels", left_out)
    return _scaling(group, law, sorted(used), left_out)


def _by_level(points: Points) -> dict[float, list[float]]:
    levels: dict[float, list[float]] = {}
    for level, values in points:
        if level < 1:
            raise ValueError(f"a concurrency of {level}")
        levels.setdefault(level, []).extend(values)
    return dict(sorted(levels.items()))


def _fitted(levels: dict[float, list[float]]) -> _Law:
    """The least-squares law, with parameters scaled to about one: beta alone can be a millionth of gamma."""
    import numpy as np
    from scipy.optimize import least_squares

    n = np.repeat(list(levels), [len(values) for values in levels.values()])
    logs = np.log(np.concatenate([np.sort(values) for values in levels.values()]))
    most = float(n.max())
    unit = np.exp(np.max(logs - np.log(n)))

    def curve(scaled: Any) -> Any:
        gamma, alpha, beta = scaled
        return np.log(unit * gamma * n / (1 + alpha * (n - 1) / most + beta * n * (n - 1) / most**2))

    bounds = ([1e-9, 0.0, 0.0], [np.inf, most, np.inf])  # alpha is a share: at most 1
    starts = [(1.0 + alpha, min(alpha, most), beta) for alpha, beta in _STARTS]
    best = min(
        (least_squares(lambda p: curve(p) - logs, start, bounds=bounds, xtol=1e-12, max_nfev=200) for start in starts),
        key=lambda solution: float(solution.cost),
    )
    scale = np.array([unit, 1 / most, 1 / most**2])
    residuals = curve(best.x) - logs
    gamma, alpha, beta = (float(x) for x in best.x * scale)
    errors = _errors(best.jac / scale, residuals, [len(values) for values in levels.values()])
    relative = np.expm1(np.minimum(residuals, 50))  # (fitted - measured) / measured, kept finite
    return _Law(gamma, min(alpha, 1.0), beta, errors, float(np.sqrt(np.mean(relative**2))))


def _errors(jacobian: Any, residuals: Any, counts: Sequence[int]) -> tuple[float, float, float] | None:
    """Standard errors from the covariance (J'J)⁻¹ s², infinite where it is singular; None with only three levels.

    s² is the larger of two: that of all residuals, and that by which the levels' means miss the law. Repeats at one
    level share what the law does not describe there; only different levels show it.
    """
    import numpy as np

    if len(counts) < 4:
        return None
    ends = np.cumsum(counts)[:-1]
    missed = sum(part.size * fmean(part) ** 2 for part in np.split(residuals, ends)) / (len(counts) - 3)
    square = max(missed, float(residuals @ residuals) / (residuals.size - 3))
    columns = np.linalg.norm(jacobian, axis=0)
    if not columns.all():
        return math.inf, math.inf, math.inf
    _, singular, rotation = np.linalg.svd(jacobian / columns, full_matrices=False)
    if singular[-1] < 1e-7 * singular[0]:
        return math.inf, math.inf, math.inf
    gamma, alpha, beta = np.sqrt(square * np.sum((rotation.T / singular) ** 2, axis=1)) / columns
    return float(gamma), float(alpha), float(beta)


def _scaling(group: str, law: _Law, levels: Sequence[float], left_out: str) -> Scaling:
    peak_at, shape = _shape(law, levels)
    if law.errors is None:
        gamma_error = alpha_error = beta_error = None
        trust = "three levels leave nothing to check the law by"
    else:
        gamma_error, alpha_error, beta_error = law.errors
        trust = f"the law misses the measured values by {law.error:.1%}"
    return Scaling(
        group=group,
        gamma=law.gamma,
        alpha=law.alpha,
        beta=law.beta,
        gamma_error=gamma_error,
        alpha_error=alpha_error,
        beta_error=beta_error,
        error=law.error,
        peak_at=peak_at,
        peak_per_s=None if peak_at is None else law.at(peak_at),
        sentence=(
            f"{group}: {shape}; contention {_with_error(law.alpha, alpha_error)}, "
            f"coherency {_with_error(law.beta, beta_error)}; {trust}{left_out}"
        ),
    )


def _shape(law: _Law, levels: Sequence[float]) -> tuple[float | None, str]:
    """Where throughput is highest within the measured levels, if it is sure to fall after that, and so in words."""
    lowest, highest = levels[0], levels[-1]
    top = math.sqrt((1 - law.alpha) / law.beta) if law.beta > 0 else math.inf
    if law.errors is not None and not law.beta > 2 * law.errors[2]:
        if law.alpha * law.at(highest) > law.gamma / 2:  # farther from the limit gamma / alpha it would be a guess
            return None, f"no fall shown up to {highest:g}; contention limits it to {_rate(law.gamma / law.alpha)}"
        return None, f"still rising at {highest:g}, {_rate(law.at(highest))} there"
    if top > highest:
        return None, f"still rising at {highest:g}, {_rate(law.at(highest))} there"
    if law.errors is None:
        return None, f"highest near {max(top, lowest):.3g} if the law holds, {_rate(law.at(max(top, lowest)))} there"
    if top < lowest:
        return lowest, f"falls from {lowest:g} on, {_rate(law.at(lowest))} there"
    return top, f"highest near {top:.3g}, {_rate(law.at(top))} there"


def _no_fit(group: str, why: str, left_out: str) -> Scaling:
    sentence = f"{group}: no fit: {why}{left_out}"
    return Scaling(group, None, None, None, None, None, None, None, None, None, sentence)


def _with_error(value: float, error: float | None) -> str:
    if error is None:
        return f"{value:.2g}"
    return f"{value if value > error / 1000 else 0:.2g} ± {error:.1g}"


def _rate(value: float) -> str:
    return f"{value:,.0f} orders/s" if value >= 100 else f"{value:.3g} orders/s"


def _listed(levels: Sequence[float]) -> str:
    return ", ".join(f"{level:g}" for level in levels)
