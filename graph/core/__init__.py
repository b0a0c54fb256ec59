"""Ids, enums, rooms, payloads: what every room's GraphQL surface is made of."""
