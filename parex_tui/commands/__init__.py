"""One file a command. Each returns an exit code, or raises `UsageError` for what the user can mend."""
