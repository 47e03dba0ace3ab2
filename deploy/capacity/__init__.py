"""How many cores, how much memory and how many Prometheus series a given traffic takes."""
