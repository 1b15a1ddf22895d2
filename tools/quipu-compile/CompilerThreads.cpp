//===- CompilerThreads.cpp - Threads that may be fewer --------------------===//

#include "tools/quipu-compile/CompilerThreads.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Threading.h"

#include <algorithm>
#include <system_error>

namespace quipu::tool {

CompilerThreads::CompilerThreads() : concurrency(std::max(1u, llvm::hardware_concurrency().compute_thread_count())) {}

CompilerThreads::~CompilerThreads() {
  wait();
  {
    std::lock_guard lock(mutex);
    ending = true;
  }
  arrival.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void CompilerThreads::asyncEnqueue(llvm::unique_function<void()> task, Group *group) {
  std::lock_guard lock(mutex);
  tasks.emplace_back(std::move(task), group);
  if (mayGrow && threads.size() + 1 < concurrency && threads.size() < running.size() + tasks.size()) {
    try {
      threads.emplace_back([this] { help(); });
    } catch (const std::system_error &) {
      mayGrow = false;
    }
  }
  arrival.notify_one();
  change.notify_all();
}

void CompilerThreads::runTask(std::deque<Task>::iterator task, std::unique_lock<std::mutex> &lock) {
  Task taken = std::move(*task);
  tasks.erase(task);
  running.push_back(taken.second);
  lock.unlock();
  taken.first();
  // The task's captures must be destroyed before other threads see that it is done.
  taken.first = nullptr;
  lock.lock();
  running.erase(llvm::find(running, taken.second));
  change.notify_all();
}

bool CompilerThreads::isRunning(Group *group) const {
  return group ? llvm::is_contained(running, group) : !running.empty();
}

void CompilerThreads::work(Group *group) {
  std::unique_lock lock(mutex);
  auto find = [&] { return llvm::find_if(tasks, [&](const Task &task) { return !group || task.second == group; }); };
  while (true) {
    if (auto task = find(); task != tasks.end())
      runTask(task, lock);
    else if (isRunning(group))
      change.wait(lock);
    else
      return;
  }
}

void CompilerThreads::help() {
  std::unique_lock lock(mutex);
  while (true) {
    arrival.wait(lock, [&] { return ending || !tasks.empty(); });
    if (tasks.empty())
      return;
    runTask(tasks.begin(), lock);
  }
}

} // namespace quipu::tool
