"""The whole engine on CRMs in memory and a real PostgreSQL under a virtual clock: same seed, same run."""
