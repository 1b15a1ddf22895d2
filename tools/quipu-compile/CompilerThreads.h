//===- CompilerThreads.h - Threads that may be fewer ------------*- C++ -*-===//
//
// LLVM's own pool ends the process when the system gives it no thread. This one goes on with those that it got, and
// with the caller alone when it got none.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_COMPILERTHREADS_H
#define QUIPU_TOOLS_QUIPU_COMPILE_COMPILERTHREADS_H

#include "llvm/Support/ThreadPool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace quipu::tool {

/// A pool with a thread for each core, including the caller's. A thread that waits for tasks runs tasks meanwhile.
class CompilerThreads : public llvm::ThreadPoolInterface {
public:
  CompilerThreads();
  ~CompilerThreads() override;

  void wait() override { work(nullptr); }
  void wait(llvm::ThreadPoolTaskGroup &group) override { work(&group); }
  unsigned getMaxConcurrency() const override { return concurrency; }

private:
  using Group = llvm::ThreadPoolTaskGroup;
  using Task = std::pair<llvm::unique_function<void()>, Group *>;

  void asyncEnqueue(llvm::unique_function<void()> task, Group *group) override;
  /// Runs tasks until the group has no more. Null: until there are none at all.
  void work(Group *group);
  /// The function of a thread of the pool.
  void help();
  /// Runs the task at `task`; `lock` is held before and after.
  void runTask(std::deque<Task>::iterator task, std::unique_lock<std::mutex> &lock);
  bool isRunning(Group *group) const;

  const unsigned concurrency;
  std::mutex mutex;
  /// A task came, or the end.
  std::condition_variable arrival;
  /// A task came or ended.
  std::condition_variable change;
  std::deque<Task> tasks;
  /// Groups of the tasks that run now.
  std::vector<Group *> running;
  bool ending = false;
  /// After a thread could not be started, no more are started.
  bool mayGrow = true;
  std::vector<std::thread> threads;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_COMPILERTHREADS_H
