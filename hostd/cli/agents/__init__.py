"""Agents' programs that `hostd launch` runs: one file for each, which says how it is told of an address and a model.

Each is pure: address, model, context and key in; environment, arguments and files out. None touches the files of its user: what
has to stand in a file is written to a folder that is there while the agent runs (`program_run`). A key goes into variables and
such files, never into arguments, which every user of a machine can read.
"""
