"""What the benchmark of the due list is made of."""
