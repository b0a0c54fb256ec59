"""What people say and who is there: the feed and presence."""
