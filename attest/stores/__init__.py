"""Where attestations lie: sidecars, folders and URLs, registries."""
