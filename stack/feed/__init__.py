"""The feed: replays real flights as scoring requests, judges each answer, and tells the truth when it is known."""
