"""The GraphQL and HTTP surface: reads are compiled to SQL, writes call domain commands."""
