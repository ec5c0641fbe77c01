"""What the preparations of all data sets share."""
