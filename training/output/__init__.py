"""What every command writes: errors, progress, report folders, pictures, and a run's provenance."""
