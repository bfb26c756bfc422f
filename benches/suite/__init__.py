"""The harness of `benches/run`: Python's standard library and nothing else."""
