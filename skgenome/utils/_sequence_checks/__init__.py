"""The checks of the conformance suite, grouped by what they hold an estimator to.

Each check is a function of one unfitted estimator. It raises an ``AssertionError`` that says what was
expected, or lets the estimator's own wrong error through. :mod:`skgenome.utils.estimator_checks` lists
them in order and says which apply to whom.
"""
