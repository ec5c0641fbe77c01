"""Speed against the limit and against slow references: prints ratios, asserts nothing."""
