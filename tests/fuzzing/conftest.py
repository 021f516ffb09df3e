"""How property tests run: the same examples every time, few of them, and no clock."""

import os

from hypothesis import HealthCheck, settings

# SKGENOME_FUZZ is the number of examples of each property: SKGENOME_FUZZ=20000 make test ARGS=tests/fuzzing
# With it, they are drawn anew each time, since who asks for many wants to find something.
N_EXAMPLES = int(os.environ.get("SKGENOME_FUZZ", "0"))

settings.register_profile(
    "skgenome",
    max_examples=N_EXAMPLES or 40,
    derandomize=not N_EXAMPLES,
    deadline=None,
    database=None,
    # Folders are shared by the examples of a test, which write over each other's files.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("skgenome")
