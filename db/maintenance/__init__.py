"""What is due, the work that is done, and its release."""
