"""Where the project lies; everything relative hangs on it, so commands work from any directory."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
