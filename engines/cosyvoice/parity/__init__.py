"""Comparing this runtime with reference data that upstream's own code made."""
