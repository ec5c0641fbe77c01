"""Files and folders as all rooms handle them: written whole or not at all, locked, cleaned up after, hashed."""
