//===- OutputFileTest.cpp ----------------------------------------------------------------===//

#include "runtime/support/OutputFile.h"
#include "runtime/support/InputFiles.h"
#include "test/runtime/ToyPlan.h"

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace quipu;
using namespace quipu::test;
namespace fs = std::filesystem;

/// Stands for a file system without nameless files.
static bool refuseNameless = false;

/// In place of the C library's, for this whole program.
extern "C" int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  if (refuseNameless && (flags & O_TMPFILE) == O_TMPFILE) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return int(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

namespace {

/// With files that have no name until the commit, and with names that are temporary.
class OutputFileKinds : public testing::TestWithParam<bool> {
protected:
  OutputFileKinds() { refuseNameless = GetParam(); }
  ~OutputFileKinds() override { refuseNameless = false; }
  TempFolder folder;
};
INSTANTIATE_TEST_SUITE_P(OutputFile, OutputFileKinds, testing::Values(false, true),
                         [](const auto &info) { return info.param ? "Named" : "Nameless"; });

std::vector<uint8_t> bytesOf(std::string_view text) { return {text.begin(), text.end()}; }

void writeText(const std::string &path, std::string_view text) { writeFile(path, bytesOf(text)); }

void output(const std::string &path, std::string_view text, bool executable = false) {
  OutputFile file(path);
  file.write(text.data(), text.size());
  file.commit(executable);
}

mode_t modeOf(const std::string &path) {
  struct stat status = {};
  stat(path.c_str(), &status);
  return status.st_mode & 0777;
}

/// The message of the Error; empty when there is none.
std::string problemOf(const std::function<void()> &work) {
  try {
    work();
  } catch (const Error &error) {
    return error.what();
  }
  return "";
}

/// How a child process that does this ends.
int inChild(const std::function<void()> &work) {
  pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

} // namespace

// Test: the name appears at the commit, with the permissions of a new file, and nothing else is left.
TEST_P(OutputFileKinds, AppearsWhole) {
  mode_t mask = umask(027);
  {
    OutputFile file(folder.path("out"));
    file.write("abc", 3);
    file.pad(8);
    EXPECT_EQ(file.size(), 8u);
    std::vector<std::string> before = folder.list();
    EXPECT_EQ(before.size(), GetParam() ? 1u : 0u);
    EXPECT_EQ(std::count(before.begin(), before.end(), "out"), 0);
    file.commit();
  }
  output(folder.path("program"), "x", /*executable=*/true);
  umask(mask);
  EXPECT_EQ(folder.list(), (std::vector<std::string>{"out", "program"}));
  EXPECT_EQ(readFile(folder.path("out")), (std::vector<uint8_t>{'a', 'b', 'c', 0, 0, 0, 0, 0}));
  EXPECT_EQ(modeOf(folder.path("out")), 0640u);
  EXPECT_EQ(modeOf(folder.path("program")), 0750u);
}

// Test: an older file is replaced as a whole.
TEST_P(OutputFileKinds, Replaces) {
  writeText(folder.path("out"), "something longer");
  output(folder.path("out"), "new");
  EXPECT_EQ(folder.list(), std::vector<std::string>{"out"});
  EXPECT_EQ(readFile(folder.path("out")), bytesOf("new"));
}

// Test: without a commit nothing is left, and an older file stays as it was.
TEST_P(OutputFileKinds, LeavesNothingWithoutCommit) {
  writeText(folder.path("out"), "old");
  {
    OutputFile file(folder.path("out"));
    file.write("abc", 3);
  }
  EXPECT_EQ(folder.list(), std::vector<std::string>{"out"});
  EXPECT_EQ(readFile(folder.path("out")), bytesOf("old"));
}

// Test: nothing is left when a signal ends the program between write and commit, and it is that signal that ends it.
TEST_P(OutputFileKinds, LeavesNothingAfterSignals) {
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGBUS, SIGKILL}) {
    if (number == SIGKILL && GetParam())
      continue; // nobody can
    if (number == SIGBUS && kHasAddressSanitizer)
      continue; // it has a handler of its own
    int status = inChild([&] {
      OutputFile file(folder.path("out"));
      file.write("abc", 3);
      kill(getpid(), number);
    });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == number) << status;
    EXPECT_EQ(folder.list(), std::vector<std::string>{}) << number;
  }
}

// Test: a signal that a parent had ignored (nohup) stays ignored, and the file is finished.
TEST_P(OutputFileKinds, IgnoredSignalsStayIgnored) {
  int status = inChild([&] {
    signal(SIGHUP, SIG_IGN);
    OutputFile file(folder.path("out"));
    file.write("abc", 3);
    kill(getpid(), SIGHUP);
    file.commit();
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(readFile(folder.path("out")), bytesOf("abc"));
}

// Test: a symbolic link is followed, also where it points to nothing yet, and stays a link.
TEST_P(OutputFileKinds, FollowsLinks) {
  fs::create_directory(folder.path("there"));
  writeText(folder.path("there/old"), "old");
  fs::create_symlink("there/old", folder.path("first"));
  fs::create_symlink("first", folder.path("second"));
  fs::create_symlink("there/new", folder.path("dangling"));
  output(folder.path("second"), "written");
  output(folder.path("dangling"), "made");
  EXPECT_TRUE(fs::is_symlink(folder.path("first")) && fs::is_symlink(folder.path("second")));
  EXPECT_EQ(readFile(folder.path("there/old")), bytesOf("written"));
  EXPECT_TRUE(fs::is_symlink(folder.path("dangling")));
  EXPECT_EQ(readFile(folder.path("there/new")), bytesOf("made"));
  fs::create_symlink("loop", folder.path("loop"));
  EXPECT_NE(errorOf([&] { OutputFile file(folder.path("loop")); }).find("Too many levels"), std::string::npos);
}

// Test: a full disk is an error that says so.
TEST(OutputFile, FullDisk) {
  std::string message = errorOf([] {
    OutputFile file("/dev/full");
    file.write("abc", 3);
    file.commit();
  });
  EXPECT_NE(message.find("/dev/full"), std::string::npos) << message;
  EXPECT_NE(message.find("No space left"), std::string::npos) << message;
}

// Test: what cannot be written is known when the object is made: a missing folder, a folder in place of a file, a name
// that is too long, a descriptor that is closed or for reading.
TEST(OutputFile, Unwritable) {
  TempFolder folder;
  auto refusal = [](const std::string &path) { return errorOf([&] { OutputFile file(path); }); };
  EXPECT_NE(refusal(folder.path("none/out")).find("No such file"), std::string::npos);
  EXPECT_NE(refusal(folder.path()).find("folder"), std::string::npos);
  EXPECT_NE(refusal(folder.path("none/")).find("folder"), std::string::npos);
  EXPECT_NE(refusal(folder.path(std::string(300, 'x'))).find("too long"), std::string::npos);
  int reading = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_NE(refusal("/dev/fd/" + std::to_string(reading)).find("Bad file descriptor"), std::string::npos);
  close(reading);
  EXPECT_NE(refusal("/dev/fd/999").find("Bad file descriptor"), std::string::npos);
}

// Test: a file without write permission is refused, though its folder would let it be replaced.
TEST(OutputFile, ProtectedFile) {
  TempFolder folder;
  writeText(folder.path("out"), "old");
  chmod(folder.path("out").c_str(), 0444);
  chmod(folder.path().c_str(), 0777);
  int status = inChild([&] {
    // Root may write everything.
    if (setuid(65534) != 0 && geteuid() == 0)
      _exit(2);
    _exit(problemOf([&] { OutputFile file(folder.path("out")); }).find("Permission denied") == std::string::npos);
  });
  EXPECT_EQ(status, 0);
}

// Test: a path that stands for a descriptor is written through it, behind what is there.
TEST(OutputFile, Descriptors) {
  TempFolder folder;
  int fd = open(folder.path("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  ASSERT_EQ(write(fd, "one ", 4), 4);
  output("/dev/fd/" + std::to_string(fd), "two ");
  fs::create_symlink("/proc/self/fd/" + std::to_string(fd), folder.path("link"));
  output(folder.path("link"), "three");
  close(fd);
  EXPECT_EQ(readFile(folder.path("out")), bytesOf("one two three"));
}

namespace {
class Inputs : public testing::Test {
protected:
  Inputs() {
    fs::create_directory(folder.path("model"));
    input = folder.path("model/config.json");
    writeText(input, "input");
  }

  /// The refusal, which must leave the input as it was.
  std::string refusal(const std::string &path) {
    std::string message = problemOf([&] { output(path, "output"); });
    EXPECT_EQ(readFile(input), bytesOf("input")) << path;
    return message;
  }

  InputProtection protection;
  TempFolder folder;
  std::string input;
};
} // namespace

// Test: an input is refused as an output under every name that it has.
TEST_F(Inputs, UnderAnyName) {
  noteInput(input);
  fs::create_symlink("model/config.json", folder.path("symbolic"));
  fs::create_hard_link(input, folder.path("hard"));
  fs::create_directory_symlink("model", folder.path("alias"));
  for (const char *name :
       {"model/config.json", "symbolic", "hard", "alias/config.json", "./model/../model//config.json"}) {
    std::string message = refusal(folder.path(name));
    EXPECT_NE(message.find("same file as " + input), std::string::npos) << name << ": " << message;
  }
  int fd = open(input.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  EXPECT_NE(refusal("/dev/fd/" + std::to_string(fd)).find("same file"), std::string::npos);
  close(fd);
  EXPECT_EQ(refusal(folder.path("other")), "");
}

// Test: an input that is known only after the output was opened is refused when asked, and at the commit.
TEST_F(Inputs, NotedLater) {
  OutputFile file(input);
  file.write("output", 6);
  noteInput(input);
  EXPECT_NE(problemOf([&] { file.checkInputs(); }), "");
  EXPECT_NE(problemOf([&] { file.commit(); }), "");
  EXPECT_EQ(readFile(input), bytesOf("input"));
}

// Test: a file that was replaced after it was read is an input still.
TEST_F(Inputs, ReplacedUnderWay) {
  noteInput(input);
  writeText(folder.path("new"), "input");
  fs::rename(folder.path("new"), input);
  EXPECT_NE(refusal(input), "");
}

// Test: of a model's folder everything is an input but what commands write; beside a config only parts of models are.
TEST_F(Inputs, ModelFolder) {
  auto isRefused = [&](const std::string &name, std::string_view content) {
    writeText(folder.path("model/" + name), content);
    return !problemOf([&] { OutputFile file(folder.path("model/" + name)); }).empty();
  };
  EXPECT_FALSE(isRefused("model.safetensors", "x"));
  noteModelFolder(folder.path("model"), /*whole=*/false);
  EXPECT_TRUE(isRefused("model.safetensors", "x"));
  EXPECT_TRUE(isRefused("merges.txt", "x"));
  EXPECT_FALSE(isRefused("README.md", "some text"));
  noteModelFolder(folder.path("model"), /*whole=*/true);
  EXPECT_TRUE(isRefused("README.md", "some text"));
  EXPECT_TRUE(isRefused("short", "x"));
  EXPECT_FALSE(isRefused("kernels.s", "x"));
  EXPECT_FALSE(isRefused("plan", "QUIPUPLN and more"));
  // Of what a command wrote the content counts, not the name.
  const std::string code = "\x7f"
                           "ELF and more";
  EXPECT_FALSE(isRefused("program", code));
  EXPECT_FALSE(isRefused("code.so", code));
  EXPECT_FALSE(isRefused("code.bin", code));
  EXPECT_FALSE(isRefused("code.txt", "//\n// Generated by LLVM NVPTX Back-End\n//\n"));
  EXPECT_FALSE(isRefused("logits.bin", "\x93NUMPY and more"));
  EXPECT_TRUE(isRefused("pytorch_model.bin", "PK and more"));
  EXPECT_EQ(problemOf([&] { OutputFile file(folder.path("model/new.json")); }), "");
}

// Test: an empty file, which a shell makes for the output, is no input; and without protection nothing is one.
TEST_F(Inputs, NothingToLose) {
  writeText(folder.path("empty"), "");
  noteInput(folder.path("empty"));
  EXPECT_EQ(refusal(folder.path("empty")), "");
}

TEST(InputProtection, EndsWithTheProgram) {
  TempFolder folder;
  writeText(folder.path("file"), "input");
  {
    InputProtection protection;
    noteInput(folder.path("file"));
    EXPECT_NE(problemOf([&] { output(folder.path("file"), "x"); }), "");
  }
  noteInput(folder.path("file"));
  EXPECT_EQ(problemOf([&] { output(folder.path("file"), "x"); }), "");
}
