"""Showing it: the dashboard on Textual."""
