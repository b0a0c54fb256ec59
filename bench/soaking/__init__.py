"""The soak bench's parts: the mixed load in a process of its own, what is sampled beside it, and the verdict."""
