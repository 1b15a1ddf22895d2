//===- HistoryFile.h - What was typed in earlier chats ----------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_HISTORYFILE_H
#define QUIPU_TOOLS_QUIPU_CHAT_HISTORYFILE_H

#include <cstddef>
#include <string>
#include <vector>

namespace quipu::tool {

/// Lines that were typed, the oldest first, in a file that its owner alone can read. Several programs may append to it.
/// If the system refuses, the user is told once, and the lines of this program are not kept.
class HistoryFile {
public:
  /// The number of lines that are kept from one program to the next.
  static constexpr size_t kMostLines = 1000;

  /// Empty: nothing is read and kept.
  explicit HistoryFile(std::string path) : path(std::move(path)) {}

  /// The lines of the file. If it has more than are kept, it is written anew without the oldest.
  std::vector<std::string> load();
  void append(const std::string &line);

private:
  void makeFolder();
  void rewrite(const std::vector<std::string> &lines);
  void giveUp(int error);

  std::string path;
};

/// $XDG_STATE_HOME/quipu/chat_history, else ~/.local/state/quipu/chat_history. Empty if neither variable is set.
std::string defaultHistoryPath();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_HISTORYFILE_H
