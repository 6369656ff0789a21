"""Fixtures of the tests that ask the servers whether the promise was kept."""

import pytest

pytest.register_assert_rewrite("tests.stream.oracle", "tests.stream.programs")
