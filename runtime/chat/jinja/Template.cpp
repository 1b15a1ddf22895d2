//===- Template.cpp - A template in the language of Jinja --------------------------------===//

#include "runtime/chat/jinja/Template.h"
#include "runtime/chat/jinja/Parser.h"
#include "runtime/support/Utf8.h"

namespace quipu::jinja {

Template::Template(std::string_view source, std::string givenName) : name(std::move(givenName)) {
  if (source.size() > kMaxSourceBytes)
    fail(name, ": the template has ", source.size(), " bytes; at most ", kMaxSourceBytes, " are read");
  if (firstInvalidByte(source))
    fail(name, ": the template is not UTF-8");
  try {
    block = Parser(source).parse();
  } catch (const Failure &failure) {
    fail(name, ", line ", failure.line, ": ", failure.what());
  }
}

MarkedText Template::render(const Variables &variables) const {
  Run run(variables.messages, variables.bytes);
  for (const auto &[variable, value] : variables.values)
    run.top.set(variable, value);
  MarkedText out;
  try {
    runBlock(block, run, run.top, out);
  } catch (const Failure &failure) {
    fail(name, ", line ", failure.line ? failure.line : run.line, ": ", failure.what());
  }
  return out;
}

} // namespace quipu::jinja
