"""What is asked of the operating system: timers, limits, priorities, signals, sockets, child processes."""
