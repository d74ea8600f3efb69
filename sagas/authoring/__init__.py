"""What users write: catalogs, actions, compensations, probes, sagas, bodies."""
