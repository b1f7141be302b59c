"""Real processes under real kills: `python -m tests.soak`, or `make soak`."""
