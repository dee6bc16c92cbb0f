"""Concept erasers, one a file; names that start with an underscore are what they share."""
