"""The controller: the one part of the gate with rights in a cluster.

It watches policies, verifies evidence, hands both to the webhooks, rotates certificates and says what of all that runs
would be refused now. The gate works on without it, and grows stale.
"""
