"""Running it: keepers, attempts, outcomes, the engine and its gate."""
