"""Tours: scripts that play people of the demo against a running platform, and print each request and answer.

They are clients: they know the address, the sign-ins and the schema, and nothing of what is behind them.
"""
