"""Mappings between canonical and remote fields, compiled once from the configuration. Pure."""

from syncd.mapping.compile import CompiledMap, MappingProblem, compile_map
from syncd.mapping.lines import OPTIONS, TRANSFORMS
from syncd.mapping.types import field_type

__all__ = ["OPTIONS", "TRANSFORMS", "CompiledMap", "MappingProblem", "compile_map", "field_type"]
