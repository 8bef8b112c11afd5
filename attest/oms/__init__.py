"""Models signed as OpenSSF Model Signing does: what is listed, what follows from it, and how it is read."""
