"""Models: their families, loading, text, drawing, erasures as files, and what they cost."""
