"""The door for sigstore-conformance's client protocol."""
