"""Anthropic's wire models, and their translation to a GenerationRequest and from the engine's deltas."""
