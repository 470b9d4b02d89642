"""Asks a running server, Sluice or any that speaks OpenAI's API, for the commands that show it to a person."""
