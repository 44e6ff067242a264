"""The way through the lessons: stages, checks, progress, skills and portfolio."""
