//===- Process.cpp - Starting other programs --------------------------------------===//

#include "tools/common/Process.h"
#include "runtime/support/Error.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <spawn.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace quipu::tool {

std::string ownFolder() {
  std::error_code error;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error)
    fail("/proc/self/exe: cannot read: ", error.message());
  return self.parent_path().string();
}

std::string siblingPath(const std::string &name, const std::string &advice) {
  std::string path = ownFolder() + "/" + name;
  if (access(path.c_str(), R_OK | X_OK) != 0)
    fail(path, ": missing, or not to be executed; ", advice);
  return path;
}

std::string findProgram(const std::string &name) {
  auto runs = [](const std::string &path) { return access(path.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos)
    return runs(name) ? name : "";
  const char *path = getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (std::string file = (folder.empty() ? "." : folder) + "/" + name; runs(file))
      return file;
  return "";
}

ProcessEnd runProcess(const std::string &path, const std::string &name, const std::vector<std::string> &arguments,
                      const std::string &log) {
  std::vector<char *> argv = {const_cast<char *>(name.c_str())};
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  // The end of the pipe that the program inherits closes when the program starts. If it cannot start, errno comes
  // through the pipe.
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    fail("cannot make a pipe", errnoSuffix(errno));
  pid_t parent = getpid(), child = fork();
  if (child == 0) {
    // If this program is killed, the other program shall end too.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
      _exit(1);
    int sink = log.empty() ? -1 : open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool redirected = log.empty() || (sink >= 0 && dup2(sink, STDOUT_FILENO) >= 0 && dup2(sink, STDERR_FILENO) >= 0);
    if (redirected)
      execv(path.c_str(), argv.data());
    int error = errno;
    (void)!write(ends[1], &error, sizeof(error));
    _exit(127);
  }
  int error = child < 0 ? errno : 0;
  close(ends[1]);
  if (child > 0 && read(ends[0], &error, sizeof(error)) == sizeof(error))
    waitpid(child, nullptr, 0);
  close(ends[0]);
  if (error)
    fail(path, ": cannot start", errnoSuffix(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      fail(path, ": cannot wait for it", errnoSuffix(errno));
  return WIFSIGNALED(status) ? ProcessEnd{0, WTERMSIG(status)} : ProcessEnd{WEXITSTATUS(status), 0};
}

std::optional<std::string> captureProcess(const std::vector<std::string> &command, bool showsErrors) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    fail("cannot make a pipe", errnoSuffix(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  if (!showsErrors)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char *> argv;
  argv.reserve(command.size() + 1);
  for (const std::string &argument : command)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  int error = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string output;
  char buffer[65536];
  ssize_t count = 0;
  while (!error && (count = read(ends[0], buffer, sizeof(buffer))) != 0)
    if (count > 0)
      output.append(buffer, size_t(count));
    else if (errno != EINTR)
      break;
  close(ends[0]);
  if (error)
    return std::nullopt;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return std::nullopt;
  return output;
}

} // namespace quipu::tool
