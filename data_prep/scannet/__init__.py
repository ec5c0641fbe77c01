"""Raw ScanNet folders to a scene store."""
