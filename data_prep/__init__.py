"""Raw data to scene stores: one package per data set."""

from pointnc.runtime import signals

if signals.is_command():
    signals.end_at_once()
