"""Who can run a task: drivers, their events, and the prompt."""
