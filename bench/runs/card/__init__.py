"""mini's card: how well the embedded model draws what it was trained on."""
