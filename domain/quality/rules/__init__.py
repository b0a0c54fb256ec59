"""Pure rules of compliance monitoring."""
