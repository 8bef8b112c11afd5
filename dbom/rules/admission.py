"""Rules about policies, references, reviews and the gate (DBOM-5nn)."""
