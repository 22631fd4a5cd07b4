"""Whole ways through hostd: the real daemon as a process, real llama.cpp engines, real clients."""
