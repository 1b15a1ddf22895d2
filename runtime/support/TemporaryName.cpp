//===- TemporaryName.cpp - Names that do not outlive the program -------------------------===//

#include "runtime/support/TemporaryName.h"
#include "runtime/support/Error.h"
#include "runtime/support/MappingGuard.h"
#include "runtime/support/RemoveTree.h"

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <iterator>
#include <poll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quipu {

namespace {
/// It is static memory, because a handler may not allocate and may not read memory that another thread frees.
struct Slot {
  enum State { Free, Filling, Used };
  std::atomic<int> state{Free};
  char path[PATH_MAX];
};
} // namespace

/// More than threads that compile at once. Further names are removed only by their objects, not by the handler.
static Slot slots[256];
static_assert(std::atomic<int>::is_always_lock_free, "the signal handler reads them");

/// Signals that end a program unless it handles them. SIGBUS is left out: its handler is MappingGuard's.
static constexpr int kEndingSignals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2,
                                         SIGXCPU, SIGXFSZ, SIGSEGV, SIGILL,  SIGFPE,  SIGABRT, SIGSYS};

/// Threads that are making a file of a temporary name, and whether the files are being removed since the program ends:
/// none may appear behind the walk over the slots.
static std::atomic<int> making{0};
static std::atomic<bool> isEnding{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the signal handler writes it");

void removeTemporaryFiles() {
  isEnding = true;
  // Wait at most a second for files that are being opened. If the disk takes longer, a file may be left.
  for (int i = 0; i < 1000 && making > 0; ++i)
    (void)poll(nullptr, 0, /*milliseconds=*/1);
  for (Slot &slot : slots)
    if (slot.state.load(std::memory_order_acquire) == Slot::Used)
      removeTree(slot.path);
}

static void onSignal(int number) {
  removeTemporaryFiles();
  // Because of SA_RESETHAND the default action is set again. It happens when the handler returns.
  raise(number);
}

/// A signal that is ignored (by nohup, or by a shell for a program in the background) or handled already is left alone.
static void handleSignals() {
  installMappingGuard();
  for (int number : kEndingSignals) {
    struct sigaction action = {};
    if (sigaction(number, nullptr, &action) != 0 || (action.sa_flags & SA_SIGINFO) || action.sa_handler != SIG_DFL)
      continue;
    action.sa_handler = onSignal;
    action.sa_flags = int(SA_RESETHAND);
    sigaction(number, &action, nullptr);
  }
}

/// Sixteen random hexadecimal digits.
static std::string uniqueDigits() {
  uint64_t value = 0;
  if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value)) {
    static std::atomic<uint64_t> counter{0};
    value = (uint64_t(getpid()) << 40) ^ (uint64_t(time(nullptr)) << 16) ^ ++counter;
  }
  char digits[17];
  snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

TemporaryName::TemporaryName(const std::string &folder, const std::string &prefix, const std::string &suffix)
    : name(folder + "/" + prefix + uniqueDigits() + suffix) {
  static const bool once = (handleSignals(), true);
  (void)once;
  if (name.size() >= PATH_MAX)
    return;
  for (size_t i = 0; i < std::size(slots); ++i) {
    int expected = Slot::Free;
    if (!slots[i].state.compare_exchange_strong(expected, Slot::Filling))
      continue;
    memcpy(slots[i].path, name.c_str(), name.size() + 1);
    slots[i].state.store(Slot::Used, std::memory_order_release);
    slot = int(i);
    return;
  }
}

TemporaryName::~TemporaryName() {
  if (!name.empty())
    removeTree(name.c_str());
  release();
}

namespace {
/// Held while a file gets a temporary name. It keeps errno.
class Making {
public:
  Making() {
    // Signals are blocked here: a handler in this thread would wait for itself.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ++making;
    if (!isEnding)
      return;
    --making;
    // The program ends as soon as the handler in another thread returns.
    for (;;)
      pause();
  }
  ~Making() {
    int error = errno;
    --making;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
  }
  Making(const Making &) = delete;
  Making &operator=(const Making &) = delete;

private:
  sigset_t before;
};
} // namespace

int TemporaryName::create() const {
  Making here;
  return open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

bool TemporaryName::createFolder(unsigned permissions) const {
  Making here;
  return mkdir(name.c_str(), permissions) == 0;
}

bool TemporaryName::link(const std::string &file) const {
  Making here;
  return linkat(AT_FDCWD, file.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

void TemporaryName::release() {
  if (slot >= 0)
    slots[slot].state.store(Slot::Free, std::memory_order_release);
  slot = -1;
  name.clear();
}

std::string temporaryFolder() {
  const char *folder = getenv("TMPDIR");
  return folder && *folder ? folder : "/tmp";
}

} // namespace quipu
