"""The checks, one module per chapter of the contract, and nothing but checks.

Run them with `backups-conformance run`, or with `pytest --pyargs conformance.suite --target FILE`.
"""
