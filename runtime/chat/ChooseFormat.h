//===- ChooseFormat.h - The format that a user or a model names -------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_CHOOSEFORMAT_H
#define QUIPU_RUNTIME_CHAT_CHOOSEFORMAT_H

#include "runtime/abi/plan_generated.h"
#include "runtime/chat/ChatFormat.h"

#include <span>
#include <string>
#include <vector>

namespace quipu {

/// The templates that a plan carries.
std::vector<ChatTemplate> chatTemplatesOf(const plan::Plan &plan);

/// The format that `option` (of --chat-template) names: one of the model's templates, one of this program, or a file
/// with a template. Empty: the model's template "default", or the only one that it has. `modelName` is for messages.
/// Throws Error that says what to do when there is none.
ChatFormat chooseFormat(std::span<const ChatTemplate> ofModel, const std::string &option, const Tokenizer *tokenizer,
                        const std::string &modelName);

} // namespace quipu

#endif // QUIPU_RUNTIME_CHAT_CHOOSEFORMAT_H
