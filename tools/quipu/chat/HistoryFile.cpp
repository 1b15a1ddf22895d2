//===- HistoryFile.cpp - What was typed in earlier chats ---------------------------------===//

#include "tools/quipu/chat/HistoryFile.h"
#include "runtime/support/Descriptor.h"
#include "runtime/support/Error.h"
#include "runtime/support/TemporaryName.h"
#include "runtime/support/Utf8.h"
#include "tools/common/Console.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace quipu::tool {

std::string defaultHistoryPath() {
  constexpr const char *kName = "quipu/chat_history";
  // A relative path in the variable counts as none.
  if (const char *state = getenv("XDG_STATE_HOME"); state && state[0] == '/')
    return fs::path(state) / kName;
  if (const char *home = getenv("HOME"); home && home[0] == '/')
    return fs::path(home) / ".local/state" / kName;
  return "";
}

void HistoryFile::giveUp(int error) {
  printNote(concat(path, ": the lines of this chat are not kept", errnoSuffix(error)));
  path.clear();
}

std::vector<std::string> HistoryFile::load() {
  std::vector<std::string> lines;
  if (path.empty())
    return lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && !firstInvalidByte(line))
      lines.push_back(line);
  if (lines.size() > kMostLines) {
    lines.erase(lines.begin(), lines.end() - kMostLines);
    rewrite(lines);
  }
  return lines;
}

void HistoryFile::rewrite(const std::vector<std::string> &lines) {
  std::string text;
  for (const std::string &line : lines)
    text += line + "\n";
  TemporaryName temporary(fs::path(path).parent_path(), ".chat_history-");
  int fd = temporary.create();
  if (fd < 0)
    return giveUp(errno);
  int error = fchmod(fd, S_IRUSR | S_IWUSR) == 0 ? writeAll(fd, text.data(), text.size()) : errno;
  close(fd);
  if (!error && rename(temporary.path().c_str(), path.c_str()) != 0)
    error = errno;
  if (error)
    return giveUp(error);
  temporary.release();
}

/// Makes the folder if it does not exist. Others cannot look into it.
void HistoryFile::makeFolder() {
  fs::path folder = fs::path(path).parent_path();
  std::error_code error;
  if (fs::exists(folder, error))
    return;
  fs::create_directories(folder.parent_path(), error);
  (void)mkdir(folder.c_str(), S_IRWXU);
}

void HistoryFile::append(const std::string &line) {
  if (path.empty())
    return;
  makeFolder();
  int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0)
    return giveUp(errno);
  // One write, so that lines of several programs do not mix.
  std::string text = line + "\n";
  int error = fchmod(fd, S_IRUSR | S_IWUSR) == 0 ? writeAll(fd, text.data(), text.size()) : errno;
  close(fd);
  if (error)
    giveUp(error);
}

} // namespace quipu::tool
