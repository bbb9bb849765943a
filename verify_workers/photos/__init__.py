"""What the photo worker does to a photo: look at it where it can do no harm, and keep its own picture of it."""
