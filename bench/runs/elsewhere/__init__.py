"""Images that were made elsewhere: found, scored, and kept as a run that stands beside others."""
