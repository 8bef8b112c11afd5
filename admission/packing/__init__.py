"""Evidence as rows of JSON, and back: what the pieces of a snapshot hold. Specified in docs/formats/snapshot.md."""
