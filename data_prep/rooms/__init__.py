"""Procedural rooms, scanned by virtual depth cameras and written in the raw ScanNet layout."""
