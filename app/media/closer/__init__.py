"""Looking closer: asking for a sharp still in a call, and carrying it beneath the talk."""
