"""Log records as JSON, one object a line, in the form of the program that this process belongs to."""
