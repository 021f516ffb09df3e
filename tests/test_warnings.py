"""Warnings are errors in these tests, but for those that must not be."""

import inspect
import warnings

import pytest
from joblib.externals.loky import process_executor

STOPPED = "A worker stopped while some jobs were given to the executor."


def test_a_worker_that_is_replaced_does_not_end_the_thread_that_replaces_it():
    """joblib warns in its own thread when a worker has grown; as an error, the call would never return."""
    assert STOPPED[:40] in inspect.getsource(process_executor)
    warnings.warn(f"{STOPPED} This can be caused by a too short worker timeout.", UserWarning, stacklevel=1)


def test_other_warnings_are_errors():
    with pytest.raises(UserWarning, match="of ours"):
        warnings.warn("A warning of ours", UserWarning, stacklevel=1)
