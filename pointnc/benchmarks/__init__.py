"""Public benchmarks: label sets, splits, submissions."""
