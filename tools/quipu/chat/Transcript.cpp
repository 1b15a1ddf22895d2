//===- Transcript.cpp - Conversations in files -------------------------------------------===//

#include "tools/quipu/chat/Transcript.h"
#include "runtime/support/Descriptor.h"
#include "runtime/support/Error.h"
#include "runtime/support/OutputFile.h"
#include "tools/common/Console.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/chat/ConversationFile.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace quipu::tool {

/// Bytes. It is longer than any context, as with prompts.
static constexpr size_t kMaxTranscript = size_t(256) << 20;

void saveTranscript(const std::string &path, const std::vector<ChatMessage> &messages) {
  OutputFile file(path);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ChatMessage &message : messages)
    list.push_back({{"role", message.role}, {"content", message.content}});
  std::string text = jsonText({{"messages", std::move(list)}}) + "\n";
  file.write(text.data(), text.size());
  file.commit();
}

/// The whole file. It is not noted as an input: a conversation that was loaded may be saved under the same name.
static std::string readTranscript(const std::string &path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    fail(path, ": cannot read", errnoSuffix(errno));
  std::string text;
  char buffer[65536];
  ssize_t count;
  while ((count = readSome(fd, buffer, sizeof(buffer))) > 0 && text.size() <= kMaxTranscript)
    text.append(buffer, size_t(count));
  int error = count < 0 ? errno : 0;
  close(fd);
  if (error)
    fail(path, ": cannot read", errnoSuffix(error));
  if (text.size() > kMaxTranscript)
    fail(path, ": longer than ", binaryBytes(double(kMaxTranscript)), ", which no conversation is");
  return text;
}

std::vector<ChatMessage> loadTranscript(const std::string &path) {
  return conversationOf(readTranscript(path), path).messages;
}

} // namespace quipu::tool
