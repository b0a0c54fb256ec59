"""Triggers: the relay, the job runner and thin jobs by room. Business rules are in `domain`."""
