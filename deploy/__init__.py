"""What an operator touches: the stack that compose starts, and what makes its files."""
