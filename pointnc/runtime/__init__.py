"""What a process has to do with its machine: signals, devices, ranks, memory, compiled loops."""
