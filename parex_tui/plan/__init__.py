"""What may run: batches, lanes, and the reason for every separation."""
