"""Benchmarks: this application beside a textbook Django chat, under the same load.

Run `python -m benchmarks --help` in the project's root folder.
"""
