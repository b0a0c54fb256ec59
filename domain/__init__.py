"""Business rules and commands, by room. Knows no GraphQL."""
