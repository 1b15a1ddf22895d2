//===- Progress.h - How far long work is --------------------------------------*- C++ -*-===//
//
// Work that may take seconds keeps a Progress while it runs. Nobody listens unless the program has set a listener
// (tools/common/StatusLine.h shows what is going on where a person sees it), so this costs next to nothing.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SUPPORT_PROGRESS_H
#define QUIPU_RUNTIME_SUPPORT_PROGRESS_H

#include <atomic>
#include <cstdint>
#include <string>

namespace quipu {

class Progress {
public:
  enum class Unit { Items, Bytes };

  /// `what`: the work, such as "hash the weights". `total`: amount of work in bytes or items; 0: not known. `item`:
  /// name of an item, such as "kernel".
  explicit Progress(std::string what, uint64_t total = 0, Unit unit = Unit::Bytes, std::string item = "");
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// Adds to the amount that is done. Any thread may call it.
  void add(uint64_t amount) { doneAmount.fetch_add(amount, std::memory_order_relaxed); }

  uint64_t done() const { return doneAmount.load(std::memory_order_relaxed); }

  const std::string what;
  const uint64_t total;
  const Unit unit;
  const std::string item;

private:
  std::atomic<uint64_t> doneAmount{0};
};

/// Is told when a Progress begins or ends, from any thread.
class ProgressListener {
public:
  virtual ~ProgressListener() = default;
  virtual void begin(const Progress &progress) = 0;
  virtual void end(const Progress &progress) = 0;
};

/// Null: no listener. Set it while there is no Progress.
void setProgressListener(ProgressListener *listener);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_PROGRESS_H
