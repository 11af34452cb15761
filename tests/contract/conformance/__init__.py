"""Conformance: numbered cases, by the unmodified SDK against real processes.

    python -m tests.contract.conformance            # starts everything in a temporary folder
    python -m tests.contract.conformance --only 2,6.04

Each case has an account without a past, symbols of its own and its own stretch of one tape, which the
runner writes; market time moves only when a case says so. So the same cases give the same answers on
every machine, and a case can be run alone.
"""
