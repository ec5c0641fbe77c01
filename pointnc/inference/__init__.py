"""Labels for every point of a scan."""
