"""Looking at downloaded pictures in processes of their own."""
