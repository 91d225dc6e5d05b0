"""The dashboard at ``/admin``: where operators see what is asked, what is stuck, and who read it."""
