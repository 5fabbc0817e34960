#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/http.md, with the bank."""

import os

import pages

if __name__ == "__main__":
    pages.check("docs/http.md", os.environ["STELE_BANK"], "http")
