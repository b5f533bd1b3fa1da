"""From predictions to numbers with their uncertainty; numpy only."""
