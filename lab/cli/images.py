"""`lab images`: what a cluster must be able to pull, and building it here."""

from __future__ import annotations

import argparse

from lab.cli.context import Context, add
from lab.cli.output import Result
from lab.cluster.images import PUBLISHED_IMAGES, ImageBuilder, Recipes, connect
from lab.cluster.provision import ImageSpec
from lab.content.loader import load_library
from lab.operate.baseline import shipped_images
from lab.operate.lab import Surroundings


def register(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add(group, "images", images, "the images that a cluster must be able to pull, by their local names")
    parser.add_argument("--build", action="store_true", help="build those that are not here, with Docker")


def images(context: Context) -> Result:
    """Every release that components and scenarios come with, one reference a line."""
    around = context.lab().around
    specs = every_release(around)
    if context.args.build:
        client = connect(context.environ)
        try:
            ImageBuilder(client, Recipes(around.stack_root), context.environ).ensure(specs, context.voice.say)
        finally:
            client.close()
    names = [spec.reference for spec in specs]
    prefix = f"{around.settings.images}/" if around.settings.images else ""
    body = {"images": names, "pulled_as": [prefix + name for name in names], "others": list(PUBLISHED_IMAGES)}
    return Result("\n".join(names), body)


def every_release(around: Surroundings) -> tuple[ImageSpec, ...]:
    """Releases of the components, then those that scenarios bring."""
    found = {spec.reference: spec for spec in shipped_images(around.stack_root)}
    for one in load_library(around.scenarios_root).scenarios:
        for (component, tag), path in sorted(one.releases.items()):
            spec = ImageSpec(component, tag, path)
            found.setdefault(spec.reference, spec)
    return tuple(found.values())
