"""One saga in one simulated machine: virtual time, processes that die, faults that are planned."""
