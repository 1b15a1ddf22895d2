//===- Template.h - A template in the language of Jinja ---------------------*- C++ -*-===//
//
// A safe part of Jinja2, as transformers uses it for chat templates: trim_blocks, lstrip_blocks, loop controls and
// generation blocks are on. Templates come from foreign files. They read no files, change no values, do not see the
// insides of the program, and are ended when they do too much (Budget.h).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_TEMPLATE_H
#define QUIPU_RUNTIME_CHAT_JINJA_TEMPLATE_H

#include "runtime/chat/jinja/Statements.h"

#include <string>
#include <utility>
#include <vector>

namespace quipu::jinja {

class Template {
public:
  /// `name` is for messages. Throws Error that names it and the line when the source is no template.
  Template(std::string_view source, std::string name);

  struct Variables {
    std::vector<std::pair<std::string, Value>> values;
    /// Messages and bytes of the conversation, by which the limits grow.
    uint64_t messages = 0, bytes = 0;
  };
  /// Throws Error that names template and line.
  MarkedText render(const Variables &variables) const;

private:
  std::string name;
  Block block;
};

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_TEMPLATE_H
