"""The registered versions of the model: which there are, which one is champion, and where their files lie."""
