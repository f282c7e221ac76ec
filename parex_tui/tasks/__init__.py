"""What is on disk: where task files lie, reading them leniently, editing them by the smallest change."""
