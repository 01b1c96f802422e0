"""Long documents as passages: their structure, and where to cut."""
