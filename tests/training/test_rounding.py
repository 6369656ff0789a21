"""Weights as whole numbers: sums that fit 16 bits, and products that are closer than those of the nearest numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.export.rounding import MAX_PAIR, MAX_WEIGHT, rounded, weight_scales


def correlated(rng: np.random.Generator, rows: int, inputs: int) -> np.ndarray:
    """Return activations [rows, inputs] that vary together, as in a transformer."""
    return (rng.normal(size=(rows, 4)) @ rng.normal(size=(4, inputs)) + 0.3 * rng.normal(size=(rows, inputs))).astype(
        np.float32
    )


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 150), st.sampled_from([1e-6, 1.0, 1e4]))
def test_neighbours_never_exceed_16_bits(seed: int, inputs: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    weights = (rng.standard_t(2, size=(inputs, 5)) * size).astype(np.float32)
    values = correlated(rng, 60, inputs)
    whole = rounded(weights, weight_scales(weights), values.T @ values).astype(int)
    pairs = np.abs(np.pad(whole, ((0, inputs % 2), (0, 0)))).reshape(-1, 2, 5).sum(axis=1)
    assert pairs.max() <= MAX_PAIR
    assert np.abs(whole).max() <= MAX_WEIGHT
    assert 255 * MAX_PAIR <= 2**15 - 1


def test_products_are_closer_than_with_the_nearest_numbers() -> None:
    rng = np.random.default_rng(7)
    weights, values = rng.normal(size=(300, 20)).astype(np.float32), correlated(rng, 2000, 300)
    scales = weight_scales(weights)
    exact = values @ weights

    def error(whole: np.ndarray) -> float:
        return float(np.square(values @ (whole * scales) - exact).mean())

    nearest = np.rint(weights / scales)
    assert error(rounded(weights, scales, values.T @ values)) < error(nearest) / 2


def test_without_correlation_the_nearest_numbers_are_kept() -> None:
    weights = np.random.default_rng(3).normal(size=(64, 8)).astype(np.float32)
    scales = weight_scales(weights)
    assert np.array_equal(rounded(weights, scales, np.eye(64)), np.rint(weights / scales))


@pytest.mark.parametrize("moments", [np.zeros((6, 6)), np.ones((6, 6))], ids=["no values", "equal channels"])
def test_activations_that_are_singular_are_rounded_too(moments: np.ndarray) -> None:
    weights = np.random.default_rng(5).normal(size=(6, 3)).astype(np.float32)
    scales = weight_scales(weights)
    whole = rounded(weights, scales, moments)
    assert np.abs(whole * scales - weights).max() < np.abs(weights).max() / 4


def test_an_output_of_zeros_stays_zero() -> None:
    weights = np.zeros((4, 2), dtype=np.float32)
    assert not rounded(weights, weight_scales(weights), np.eye(4)).any()
