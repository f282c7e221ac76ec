"""The screens: the main one, one task, and the small ones that ask or tell."""
