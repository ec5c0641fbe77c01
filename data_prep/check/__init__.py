"""Whether a scene store is whole and sound."""
