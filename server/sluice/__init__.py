"""Sluice: exact admission in front of vLLM's continuous batching, as an OpenAI-compatible server."""

__version__ = "0.1.0"
