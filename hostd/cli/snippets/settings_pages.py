"""Snippets for programs that are set up by hand: where to click, and what to type."""

from hostd.cli.snippets.snippet import Language, Snippet

HOME_ASSISTANT = Snippet(
    "home-assistant",
    "Home Assistant",
    Language.STEPS,
    "its pages",
    """\
1. Settings > Devices & services > Add integration > Ollama.
2. URL: @URL@ (from another machine or a container: an address at which it reaches this one).
3. Add conversation agent: model @MODEL@, context window size @CONTEXT@, and "Control Home Assistant" for its tools.
4. Settings > Voice assistants > your assistant > Conversation agent: the new one.
""",
)

CLINE = Snippet(
    "cline",
    "Cline",
    Language.STEPS,
    "its pages",
    """\
1. The gear in Cline's panel > API Configuration > API Provider: OpenAI Compatible.
2. Base URL: @OPENAI_URL@
3. API Key: @KEY@ (any will do where the host asks for none).
4. Model ID: @MODEL@
5. Model Configuration > Context Window Size: @CONTEXT@
""",
)

OPEN_WEBUI = Snippet(
    "open-webui",
    "Open WebUI",
    Language.STEPS,
    "its pages",
    """\
1. Admin Panel > Settings > Connections > Ollama API > add: @URL@
   (or OLLAMA_BASE_URL before its first start; from another machine or a container: an address at which it reaches this one).
2. Choose @MODEL@ in a new chat.
""",
)

MSTY = Snippet(
    "msty",
    "Msty",
    Language.STEPS,
    "its pages",
    """\
1. Model Hub > Model Providers > Add Provider > OpenAI Compatible (in older versions: Settings > Remote Model Providers).
2. API endpoint: @OPENAI_URL@
3. API key: @KEY@ (any will do where the host asks for none).
4. Fetch models, choose @MODEL@, and save.
""",
)
