#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The OpenAPI document by a validator that is not ours, and values as they are written by the schemas in it.

usage: test_openapi.py CASES. Asks PyPI for the validator, once, and then runs itself with the Python that has it."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../support"))
from programs import case, run_cases, with_packages  # noqa: E402

with_packages(os.path.join(HERE, "requirements.txt"))
from jsonschema import Draft202012Validator  # noqa: E402
from openapi_spec_validator import OpenAPIV31SpecValidator  # noqa: E402

CASES = sys.argv.pop(1)
FIRST, *LINES = subprocess.run([CASES], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
DOCUMENT = json.loads(FIRST)


@case
def the_document_is_openapi():
    """A validator of OpenAPI 3.1 finds nothing in the document"""
    found = [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()]
    assert not found, "\n".join(found)
    assert DOCUMENT["openapi"] == "3.1.0" and len(DOCUMENT["paths"]) == 7


@case
def values_are_what_it_says():
    """Values as they are written fit their schemas"""
    validators = {}
    for line in LINES:
        each = json.loads(line)
        name = each["schema"]
        if name not in validators:
            validators[name] = Draft202012Validator(
                {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]})
        errors = list(validators[name].iter_errors(each["value"]))
        assert not errors, f"{errors[0].json_path}: {errors[0].message[:500]}\n{line[:2000]}"
    assert len(validators) == 2


@case
def what_is_no_value_does_not_fit():
    """A field too few, one too many and one of another kind do not fit"""
    schema = DOCUMENT["components"]["schemas"]["kinds.Part"]
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"name": "a"})
    for wrong in ({}, {"name": "a", "weights": 1}, {"name": 1}, {"name": "a", "weight": "heavy"}, []):
        assert not validator.is_valid(wrong), wrong


run_cases(globals())
