"""Images, and the smoke test that runs them."""
