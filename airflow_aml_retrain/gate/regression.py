"""
Metrics of regression from true and predicted values.

RAE and RSE are relative to always predicting the mean of *truth*; R squared is 1 - RSE.
"""

import numpy as np
from numpy.typing import NDArray


def regression_metrics(
    truth: NDArray[np.float64], predicted: NDArray[np.float64]
) -> dict[str, float]:
    """
    Every regression metric of the registry, by name; *truth* must not be constant.

    Values so large that their squares overflow come out as infinite or NaN, which the caller
    refuses.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        error = predicted - truth
        spread = truth - truth.mean()
        # Not `error @ error`: how BLAS sums depends on its threads, and a record must not.
        squares, spread_squares = np.square(error).sum(), np.square(spread).sum()
        absolute = np.abs(error, out=error).sum()
        rae = absolute / np.abs(spread, out=spread).sum()
        rse = squares / spread_squares
        return {
            "mae": float(absolute / len(truth)),
            "rmse": float(np.sqrt(squares / len(truth))),
            "rae": float(rae),
            "rse": float(rse),
            "r2": float(1 - rse),
        }
