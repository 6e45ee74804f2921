"""`/docs`: what the protocols say of themselves, for people and for programs."""
