"""Numbers of items within their groups."""

import numpy as np
import pytest

from skgenome.sequences import number_within


@pytest.mark.parametrize("sizes", [[], [0], [1], [3, 0, 2], [0, 0, 4, 1]])
def test_number_within_counts_every_group_from_zero(sizes):
    expected = [i for size in sizes for i in range(size)]
    assert number_within(np.array(sizes, dtype=np.int64)).tolist() == expected
