//===- StatusLine.cpp - What takes so long -----------------------------------------------===//

#include "tools/common/StatusLine.h"
#include "runtime/support/Error.h"
#include "runtime/support/Progress.h"
#include "runtime/support/Utf8.h"
#include "tools/common/Console.h"
#include "tools/common/Escape.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <sys/ioctl.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

namespace quipu::tool {

namespace {

using Clock = std::chrono::steady_clock;

/// Work that ends sooner is not shown.
constexpr auto kPatience = std::chrono::seconds(1);
constexpr auto kInterval = std::chrono::milliseconds(200);

class StatusLine : public ProgressListener {
public:
  ~StatusLine() override;

  void begin(const Progress &progress) override;
  void end(const Progress &progress) override;

  std::string program;
  /// Guards everything here. StatusPause locks it.
  std::mutex mutex;
  void erase();

private:
  void draw();
  void keepDrawing();
  std::string describe() const;

  /// Work that goes on, the oldest first.
  std::vector<const Progress *> going;
  Clock::time_point since;
  bool isShown = false, isOver = false, hasThread = false;
  std::condition_variable changed;
  std::thread thread;
};

} // namespace

/// Null unless showProgress() found a terminal.
static StatusLine *current = nullptr;

static void writeError(std::string_view text) {
  // A failure to show it is not an error.
  (void)!::write(STDERR_FILENO, text.data(), text.size());
}

StatusLine::~StatusLine() {
  setProgressListener(nullptr);
  current = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex);
    isOver = true;
    erase();
  }
  changed.notify_all();
  if (thread.joinable())
    thread.join();
}

void StatusLine::begin(const Progress &progress) {
  std::lock_guard<std::mutex> lock(mutex);
  if (going.empty())
    since = Clock::now();
  going.push_back(&progress);
  if (hasThread || isOver)
    return;
  try {
    thread = std::thread([this] { keepDrawing(); });
    hasThread = true;
  } catch (const std::system_error &) {
    // If no thread can start, the work is not shown.
    isOver = true;
  }
}

void StatusLine::end(const Progress &progress) {
  std::lock_guard<std::mutex> lock(mutex);
  std::erase(going, &progress);
  if (going.empty())
    erase();
}

void StatusLine::keepDrawing() {
  std::unique_lock<std::mutex> lock(mutex);
  while (!isOver) {
    changed.wait_for(lock, kInterval);
    if (!isOver && !going.empty() && Clock::now() - since >= kPatience)
      draw();
  }
}

void StatusLine::erase() {
  if (isShown)
    writeError("\r\x1b[K");
  isShown = false;
}

static std::string amount(const Progress &progress) {
  uint64_t done = std::min(progress.done(), progress.total);
  if (progress.unit == Progress::Unit::Bytes)
    return concat(decimalBytes(double(done)), " of ", decimalBytes(double(progress.total)), " (",
                  100 * done / progress.total, " %)");
  // The work to show.
  return concat(progress.item, progress.item.empty() ? "" : " ", std::min(done + 1, progress.total), " of ",
                progress.total);
}

std::string StatusLine::describe() const {
  // It is the last one whose total is known. Threads may do several works at the same time.
  auto counted = std::find_if(going.rbegin(), going.rend(), [](const Progress *it) { return it->total > 0; });
  const Progress &last = counted == going.rend() ? *going.back() : **counted;
  std::string text = going.front()->what;
  if (&last != going.front())
    text += ": " + last.what;
  if (last.total > 0)
    text += ", " + amount(last);
  return text + ", " + fixed(std::chrono::duration<double>(Clock::now() - since).count(), 0) + " s";
}

void StatusLine::draw() {
  std::string head = program + ": ", text = printableLine(describe());
  winsize size = {};
  size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  // A line longer than the terminal could not be removed. So the middle is left out: the end says how far the work is,
  // and the beginning names the program.
  if (head.size() + text.size() >= columns)
    head += "...";
  while (head.size() + text.size() >= columns && text.size() > 1)
    text.erase(0, std::max<size_t>(characterLength(text), 1));
  writeError("\r" + head + text + "\x1b[K");
  isShown = true;
}

void showProgress(const char *program) {
  const char *terminal = getenv("TERM");
  if (!errorIsTerminal() || !terminal || strcmp(terminal, "dumb") == 0 || !*terminal)
    return;
  // Joins its thread when the program ends.
  static StatusLine line;
  line.program = program;
  current = &line;
  setProgressListener(&line);
}

StatusPause::StatusPause() {
  if (!current)
    return;
  current->mutex.lock();
  current->erase();
}

StatusPause::~StatusPause() {
  if (current)
    current->mutex.unlock();
}

} // namespace quipu::tool
