#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the listings of C in a page of the documentation into files that the compiler can read, one for each, or
all into one file.

usage: listing.py PAGE OUTPUT…"""

import re
import sys

page, *outputs = sys.argv[1:]
with open(page) as file:
    text = file.read()
listings = re.findall(r"```c\n(.*?)```", text, re.DOTALL)
if len(outputs) == 1 and listings:
    listings = ["\n".join(listings)]
if len(listings) != len(outputs):
    sys.exit(f"{page} has {len(listings)} listings of C, and {len(outputs)} were expected")
for output, listing in zip(outputs, listings):
    with open(output, "w") as file:
        file.write(listing)
