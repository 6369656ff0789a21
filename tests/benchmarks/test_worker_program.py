"""The engine of the benchmark answers in both forms in which workers have called engines."""

import numpy as np

from benchmarks.worker_program import InstantEngine
from worker.settings import BUNDLED_MODEL


class Tokens:
    """What the engine uses of a TokenBatch."""

    lengths = np.array([3, 5, 3], dtype=np.int32)


def test_the_logits_depend_on_the_length_and_have_a_column_for_each_output() -> None:
    logits = InstantEngine(BUNDLED_MODEL, max_pass_tokens=512, metrics=None).logits(Tokens())
    assert logits.dtype == np.float32
    assert logits.shape[0] == 3
    assert logits.shape[1] >= 6
    assert np.array_equal(logits[0], logits[2])
    assert not np.array_equal(logits[0], logits[1])


def test_an_earlier_worker_gets_the_same_logits_from_padded_rows() -> None:
    engine = InstantEngine(BUNDLED_MODEL)
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], dtype=np.int64)
    assert np.array_equal(engine.forward(np.zeros_like(mask), mask), engine.logits(Tokens()))
