//===- BuiltInTemplates.cpp - Templates of well-known families ---------------------------===//

#include "runtime/chat/BuiltInTemplates.h"

namespace quipu {

static constexpr const char *kChatMl = R"({% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}
{%- endfor %}
{% if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- endif %})";

static constexpr const char *kLlamaThree = R"({{ bos_token }}
{%- for message in messages %}
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %})";

/// A system message stands in front of the first question.
static constexpr const char *kMistral = R"({{ bos_token }}
{%- set turns = messages %}
{%- set system = '' %}
{%- if messages[0]['role'] == 'system' %}
{%- set system = messages[0]['content'] | trim + '\n\n' %}
{%- set turns = messages[1:] %}
{%- endif %}
{%- for message in turns %}
{%- if message['role'] != ('user' if loop.index0 % 2 == 0 else 'assistant') %}
{{- raise_exception('user and assistant must take turns, after at most one system message') }}
{%- endif %}
{%- if message['role'] == 'user' %}
{{- '[INST] ' + (system if loop.first else '') + message['content'] | trim + ' [/INST]' }}
{%- else %}
{{- ' ' + message['content'] | trim + eos_token }}
{%- endif %}
{%- endfor %})";

static constexpr const char *kPhiThree = R"({% for message in messages %}
{{- '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|assistant|>\n' }}
{%- endif %})";

static constexpr const char *kZephyr = R"({% for message in messages %}
{{- '<|' + message['role'] + '|>\n' + message['content'] + eos_token + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|assistant|>\n' }}
{%- endif %})";

static constexpr const char *kGemma = R"({{ bos_token }}
{%- set turns = messages %}
{%- set system = '' %}
{%- if messages[0]['role'] == 'system' %}
{%- set system = messages[0]['content'] | trim + '\n\n' %}
{%- set turns = messages[1:] %}
{%- endif %}
{%- for message in turns %}
{%- set role = 'model' if message['role'] == 'assistant' else message['role'] %}
{{- '<start_of_turn>' + role + '\n' + (system if loop.first else '') + message['content'] | trim + '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<start_of_turn>model\n' }}
{%- endif %})";

std::span<const BuiltInTemplate> builtInTemplates() {
  static constexpr BuiltInTemplate kTemplates[] = {{"chatml", kChatMl},   {"gemma", kGemma},   {"llama3", kLlamaThree},
                                                   {"mistral", kMistral}, {"phi3", kPhiThree}, {"zephyr", kZephyr}};
  return kTemplates;
}

} // namespace quipu
