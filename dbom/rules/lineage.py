"""Rules about lineage graphs and their edges (DBOM-4nn)."""
