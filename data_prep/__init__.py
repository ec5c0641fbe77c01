"""Raw data to scene stores: one module a data set."""

from pointnc.runtime import signals

if signals.is_command():
    signals.end_at_once()
