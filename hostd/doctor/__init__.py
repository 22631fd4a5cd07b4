"""Checks of a machine and its configuration: what keeps hostd from serving well here, why, and what to do about it.

One file for each check in ``checks``: facts are gathered first, and the findings follow from them alone, so that both can be
tested with facts of other machines. A check changes nothing and needs no daemon.
"""
