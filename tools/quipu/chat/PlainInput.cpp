//===- PlainInput.cpp - Lines of standard input as they are ------------------------------===//

#include "tools/quipu/chat/InputLines.h"
#include "tools/quipu/chat/LineInput.h"

namespace quipu::tool {

namespace {
class PlainInput : public LineInput {
public:
  Line read(const std::string &) override {
    std::optional<std::string> line = lines.next();
    return line ? Line{Event::Line, std::move(*line)} : Line{};
  }
  bool isInteractive() const override { return false; }

private:
  InputLines lines;
};
} // namespace

std::unique_ptr<LineInput> plainInput() { return std::make_unique<PlainInput>(); }

} // namespace quipu::tool
