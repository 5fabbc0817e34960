#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pages of the examples that fill tables of SQL."""

import os

import pages

if __name__ == "__main__":
    pages.check("examples/game/README.md", os.environ["STELE_GAME"], "game")
    pages.check("examples/iot/README.md", os.environ["STELE_PROGRAM"], "iot")
