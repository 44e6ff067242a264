"""
Images of the stack, built with Docker: one base that all components share, and one thin layer for each release.

An image carries a label with the hash of what it was made from, so nothing is built twice and no tag is ever stale.
"""

from lab.cluster.images.builder import ImageBuilder
from lab.cluster.images.engine import connect, engine
from lab.cluster.images.labels import CONTENT_LABEL, PUBLISHED_IMAGES
from lab.cluster.images.recipes import Recipes

__all__ = ["CONTENT_LABEL", "PUBLISHED_IMAGES", "ImageBuilder", "Recipes", "connect", "engine"]
