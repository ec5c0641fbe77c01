"""The raw SemanticKITTI data set to a scene store."""
