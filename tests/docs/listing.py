#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the listing of C in a page of the documentation into a file that the compiler can read.

usage: listing.py PAGE OUTPUT"""

import re
import sys

page, output = sys.argv[1:]
with open(page) as file:
    text = file.read()
listings = re.findall(r"```c\n(.*?)```", text, re.DOTALL)
if len(listings) != 1:
    sys.exit(f"{page} has {len(listings)} listings of C, and 1 was expected")
with open(output, "w") as file:
    file.write(listings[0])
