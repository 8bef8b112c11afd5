"""Programs that load models, a module each. A module that defines `PROGRAM` is known; nothing else names it."""
