"""The studio: a folder of images in the browser, to look, decide, retrain and see what changed."""
