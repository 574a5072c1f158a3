"""YAML that kubectl reads as it was meant."""

import re
from enum import StrEnum

import yaml


class Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 takes for a boolean and PyYAML does not, such as the name `y` in the JWK of an EC key."""


Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))
Dumper.add_multi_representer(StrEnum, lambda dumper, value: dumper.represent_str(str(value)))
