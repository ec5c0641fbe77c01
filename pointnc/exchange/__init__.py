"""Weights in and out: import from other code bases, export of runs, lists and descriptions."""
