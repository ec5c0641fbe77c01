"""Work that several processes share out."""
