#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where deploy/Dockerfile builds with other packages than deploy/install-deps.sh names: an image that cannot be built
is noticed by nobody here."""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The image's own: install-deps.sh counts these among what runs or tests, or finds them there.
OF_THE_IMAGE = {"python3", "ca-certificates", "tzdata"}


def main() -> int:
    named = re.search(r"^build_packages=\((.*?)^\)", (ROOT / "deploy/install-deps.sh").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    built = re.search(r"AS build\nRUN (.*?)&& rm", (ROOT / "deploy/Dockerfile").read_text("utf-8"), re.DOTALL)
    assert named and built
    wanted = set(named[1].split())
    had = set(built[1].split("--no-install-recommends")[1].replace("\\", " ").split()) - OF_THE_IMAGE
    faults = [f"deploy/Dockerfile does not install {package}" for package in sorted(wanted - had)]
    faults += [f"deploy/install-deps.sh does not install {package}" for package in sorted(had - wanted)]
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
