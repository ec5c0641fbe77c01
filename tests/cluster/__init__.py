"""More than one machine, played through on one: clusters of processes over a shared folder."""
