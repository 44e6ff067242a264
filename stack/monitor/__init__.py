"""The monitor: joins predictions with what happened, and publishes how good the model is right now."""
