"""Backbones, heads and saved models."""
