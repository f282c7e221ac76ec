"""Settings for the tests of this room."""

from hypothesis import settings

# How long an example takes says nothing about what it shows; a loaded machine must not fail a test.
settings.register_profile("parex", deadline=None)
settings.load_profile("parex")
