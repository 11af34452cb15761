"""Rows for tests, made by plain functions. Each makes what it needs and takes every field by name."""
