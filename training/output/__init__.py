"""The output that all commands share: errors, progress, report folders, pictures, and the provenance of a run."""
