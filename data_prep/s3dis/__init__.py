"""The raw S3DIS data set to a scene store."""
