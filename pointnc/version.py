"""The version of pointnc; the package's metadata have it from here."""

__version__ = "0.2.0"
