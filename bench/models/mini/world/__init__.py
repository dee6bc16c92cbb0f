"""The world that mini draws: a renderer with captions and known truth."""
