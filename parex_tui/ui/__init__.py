"""Showing it: the dashboard. The only room that imports textual."""
