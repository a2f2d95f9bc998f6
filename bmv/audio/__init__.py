"""What sound is made of: G.711 frames, levels, resampling, tones. Knows no call, no vendor and no clock."""
