"""What we say ourselves inside a running stream: made before it is needed, and kept."""
