"""How mini is built, stage by stage."""
