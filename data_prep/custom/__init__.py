"""Somebody's own files, of any format, to a scene store."""
