"""What a policy can ask of a model, one module a requirement; `admission.requirements.known` lists them."""
