"""What runs leave: files, records, protocols, statistics and tables; torch is never needed here."""
