"""Selection -> SQL -> JSON. Knows no room: rooms declare projections, and this package does the rest."""
