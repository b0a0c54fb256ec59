"""What is due on aircraft, the work that is done on them, and their release."""
