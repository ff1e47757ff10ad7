"""What people are told: status, findings. Nothing here changes data."""
