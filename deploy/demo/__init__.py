"""A made-up fleet of pumps: its data, the model of it, and a day of its traffic."""
