"""The verbs that an owner types.

Data goes to stdout, everything else to stderr. What costs time to import waits until a verb needs it.
"""
