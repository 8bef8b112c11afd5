"""Who signs: keys, devices, services, identities; and the records of what was signed."""
