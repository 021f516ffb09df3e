"""Measure skgenome on real genomes: ``python -m benchmarks NAME --data-home DIR``.

A task is data and a protocol; a method is an estimator. Every run leaves a JSON file that says what was
measured, on what and with what, and from which the tables are printed.
"""
