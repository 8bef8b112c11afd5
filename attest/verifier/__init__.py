"""The verifier of bundles, step by step as in the Sigstore client specification."""
