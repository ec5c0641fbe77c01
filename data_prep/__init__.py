"""Raw data to scene stores: one module a data set."""
