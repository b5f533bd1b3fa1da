"""Looking at downloaded images in processes of their own."""
