"""The chat template: every role, and content that is text, a list of parts, null or missing, renders to something."""

# Jinja as engines write it in C++ knows few filters and tests, so this keeps to the plainest ones.
CHAT_TEMPLATE = """\
{{- '<|bos|>' -}}
{%- for message in messages -%}
  {%- if message.role == 'system' or message.role == 'developer' -%}
    {{- '<|system|>' -}}
  {%- elif message.role == 'assistant' -%}
    {{- '<|assistant|>' -}}
  {%- else -%}
    {{- '<|user|>' -}}
  {%- endif -%}
  {%- if message.content is string -%}
    {{- message.content -}}
  {%- elif message.content -%}
    {%- for part in message.content -%}
      {%- if part is string -%}
        {{- part -}}
      {%- elif part.text is string -%}
        {{- part.text -}}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{- '<|end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|assistant|>' -}}
{%- endif -%}
"""
