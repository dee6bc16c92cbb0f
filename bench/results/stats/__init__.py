"""Statistics of what was measured: intervals, tests, headlines; pure."""
