"""Programs that measure; each ends with one JSON object that says what was run and what came out."""
