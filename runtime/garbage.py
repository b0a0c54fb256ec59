"""When Python looks for garbage that refers to itself."""

import gc


def start() -> None:
    """While a process starts it makes a million objects that stay: collecting among them takes a tenth of the time."""
    gc.set_threshold(50_000, 20, 50)


def serve() -> None:
    """Schema, plans and modules live as long as the process: leaving them out of collections makes large answers
    15-30 % faster. What comes after them is little, and is looked at whole often enough that the remains of closed
    sockets (some 20 KB each) do not pile up."""
    if not gc.get_freeze_count():  # of several applications in one process, the first one
        gc.collect()
        gc.freeze()
    gc.set_threshold(50_000, 10, 4)
