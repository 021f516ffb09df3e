"""Readers fed with damaged files: ``python -m fuzzing`` counts what they do, and keeps what breaks them.

Whatever the bytes, a reader gives a result or one of the documented errors, which names the file and the
place. `fuzzing.contract` says what that means, `fuzzing.targets` what is read. Two things feed them: the
property tests of ``tests/fuzzing`` in every run of the tests, and a search guided by coverage (atheris) in
`fuzzing.worker`. What the last long search found stands in ``fuzzing/reliability.json``.
"""
