"""Looking closer: asking for a sharp still or a clip in a call, and carrying it beneath the talk."""
