"""Aircraft types, aircraft, utilisation and the import of fleets from files."""
