"""Commands of the feed and of presence."""
