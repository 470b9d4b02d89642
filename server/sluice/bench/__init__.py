"""Measures a server from the outside, any that speaks OpenAI's API; knows nothing of how Sluice is built."""
