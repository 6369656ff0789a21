"""What each kind of fault does: inject, hold, heal."""
