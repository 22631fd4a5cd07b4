"""Snippets that go into a program's own file: settings as JSON or YAML, and a script."""

from hostd.cli.snippets.snippet import Language, Snippet

OPENCLAW = Snippet(
    "openclaw",
    "OpenClaw",
    Language.JSON,
    "~/.openclaw/openclaw.json (its Ollama provider, without /v1: so tool calls and streams are the native ones)",
    """\
{
  "models": {
    "providers": {
      "ollama": {
        "api": "ollama",
        "baseUrl": "@URL@",
        "apiKey": "@KEY@",
        "models": [
          {
            "id": "@MODEL@",
            "name": "@MODEL@",
            "reasoning": false,
            "input": ["text"],
            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
            "contextWindow": @CONTEXT@,
            "maxTokens": @OUTPUT@
          }
        ]
      }
    }
  },
  "agents": {"defaults": {"model": {"primary": "ollama/@MODEL@"}}}
}
""",
)

ZED = Snippet(
    "zed",
    "Zed",
    Language.JSON,
    "Zed's settings (zed: open settings file)",
    """\
{
  "language_models": {
    "ollama": {
      "api_url": "@URL@",
      "auto_discover": false,
      "available_models": [
        {"name": "@MODEL@", "display_name": "@MODEL@", "max_tokens": @CONTEXT@, "supports_tools": true}
      ]
    }
  },
  "agent": {"default_model": {"provider": "ollama", "model": "@MODEL@"}}
}
""",
)

CONTINUE = Snippet(
    "continue",
    "Continue",
    Language.YAML,
    "~/.continue/config.yaml",
    """\
name: hostd
version: 1.0.0
schema: v1
models:
  - name: "@MODEL@"
    provider: openai
    model: "@MODEL@"
    apiBase: "@OPENAI_URL@"
    apiKey: "@KEY@"
    roles: [chat, edit, apply]
    capabilities: [tool_use]
    defaultCompletionOptions: {contextLength: @CONTEXT@}
""",
)

NODE_LLAMA_CPP = Snippet(
    "node-llama-cpp",
    "node-llama-cpp",
    Language.JAVASCRIPT,
    "an .mjs file (instead of node-llama-cpp, which would load the model a second time, into its own process)",
    """\
// npm install openai
import OpenAI from "openai";

const client = new OpenAI({baseURL: "@OPENAI_URL@", apiKey: process.env.HOSTD_API_KEY ?? "@KEY@"});
const messages = [{role: "user", content: "Hello, who are you?"}];

const stream = await client.chat.completions.create({model: "@MODEL@", messages, stream: true});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
""",
)
