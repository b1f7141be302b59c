"""The pages, over the store and the API's queries: never the engine or a remote."""
