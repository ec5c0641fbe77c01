"""The classes of somebody's own files, as a taxonomy to edit."""
