"""The HTTP face: routes, the signature gate, health. Turns requests into calls on the heart."""
