"""The heart: a call, its two legs, its two interpreters and what each listener hears. Knows no vendor."""
