"""Gives ``mlx_lm.server`` what a supervised engine needs and it lacks; runs in the Python that has mlx-lm, not in hostd's.

Pin: ``mlx-lm==0.32.2`` (pyproject's extra ``mlx``); `__main__.NEEDED` lists the insides that are extended, and a release that
lacks one of them is refused at start, with the command that installs the pinned one.

Why: the server reports itself healthy before its model is loaded, stays up without one, loads any folder that a request
names, reads prompts of any length, continues answers after their client disconnected, takes whatever memory they need, and
knows no key. Its own classes are extended: healthy means loaded; an error that ends generation ends the process with status
1; there is one model, under the name that hostd gave it, behind hostd's key; a prompt that is too long is refused in OpenAI's
words; an answer ends with its connection; and over the memory limit, past prompts are dropped first and requests refused
next. ``GET /hostd/slots`` and ``/hostd/facts`` report tokens by request and what the server can do.

Exit: each extension goes when a release of mlx-lm has it (health after load, API key, cancellation, memory limit); when all
do, `hostd.backends.mlx.engine` runs ``mlx_lm.server`` itself.

This package is run alone (``python -m mlx_server``), imports nothing of hostd, and keeps to Python 3.10.
"""
