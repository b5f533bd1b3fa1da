"""The studio: a folder of images in the browser, to review and decide about images, retrain, and see what changed."""
