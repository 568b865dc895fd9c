"""Distill Lab's core: knowledge distillation experiments, without a user interface."""

__version__ = "0.1.0"
