"""What is Spark's own: facts and dialect. It is asked by the client in `odata`."""
