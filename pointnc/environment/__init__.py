"""What a machine has installed, and whether it fits together: the checks of ``python -m pointnc.doctor``."""
