"""Give ``mlx_lm.server`` what a supervised engine needs and it lacks; runs in the Python that has mlx-lm, not in hostd's.

The server says that it is healthy before its model is loaded, stays up without one, loads any folder that a request names, reads
prompts of any length, goes on with answers that nobody waits for, and takes whatever memory they need. Here its own classes
are extended: healthy means loaded; what cannot go on ends with status 1; there is one model, under the name that hostd gave
it, behind hostd's key; a prompt that is too long is refused in OpenAI's words; an answer ends with its connection; and over the
limit of memory, past prompts are dropped first and requests refused next. ``GET /hostd/slots`` and ``/hostd/facts`` tell how it is.

This package is run alone (``python -m mlx_server``), imports nothing of hostd, and holds to what Python 3.10 understands.
"""
