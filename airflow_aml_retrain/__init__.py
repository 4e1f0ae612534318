"""Retrain the models behind Azure Machine Learning web services; promote only the better ones."""

__version__ = "0.1.0"
