"""What Grafana shows: three dashboards, built from code so that they say the same thing in the same way."""
