"""The nouns, the canonical values, errors by next step, and the clock. Imports the standard library only."""
