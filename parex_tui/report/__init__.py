"""Telling it: plain text and JSON for people and scripts."""
