//===- Budget.cpp - How much a template may do -------------------------------------------===//

#include "runtime/chat/jinja/Budget.h"
#include "runtime/chat/jinja/Failure.h"

namespace quipu::jinja {

void Budget::refuseSteps() {
  refuse("the template does too much for this conversation (more than ", kMaxSteps, " steps, or ", kMaxWork >> 20,
         " MiB of text); use another template");
}

void Budget::refuseLength() const {
  refuse("the template makes a text of more than ", longest >> 20, " MiB; use another template");
}

void Budget::refuseDepth() {
  refuse("the template nests expressions and macros more than ", kMaxDepth, " levels deep; use another template");
}

std::string shown(std::string_view text) {
  constexpr size_t kMost = 40;
  return concat("'", text.substr(0, kMost), text.size() > kMost ? "…'" : "'");
}

} // namespace quipu::jinja
