"""Specifications: repositories of source code, described as documents."""
