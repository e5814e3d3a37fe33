"""What any HTTP API client needs: errors, auth, call budget, retries, paging, conversion."""

__version__ = "0.1.0"
