"""The accelerator: one device that several processes share, real by CUDA or emulated, and what runs on it."""
