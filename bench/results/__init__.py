"""What runs leave: files, records, protocols, statistics and tables; torch is never needed here."""

from bench.results.store import Results, load

__all__ = ["Results", "load"]
