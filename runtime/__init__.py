"""Settings, launcher, servers, logging and metrics. Knows no domain."""
