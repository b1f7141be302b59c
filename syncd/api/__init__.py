"""The JSON API over the store: reads it and writes intents, never the engine or a remote."""
