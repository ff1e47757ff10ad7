"""What verbs and the demonstration share: choosing feeds, running jobs, showing progress."""
