//===- WeightIndex.cpp - Content hashes of weight files ----------------------------------===//

#include "frontends/common/WeightIndex.h"

#include "runtime/core/Error.h"
#include "runtime/core/MappedFile.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace quipu::frontend {

static Hash128 hashFile(const WeightFile &file) {
  auto mapped = MappedFile::open(file.path, "weight file");
  if (mapped->size() != file.size)
    fail(file.path, ": the file was ", file.size, " bytes long when its header was read and is ", mapped->size(),
         " now; compile again when it is no longer being written");
  return hashBytes(mapped->data(), mapped->size());
}

void hashContents(WeightIndex &index, unsigned threads) {
  std::vector<WeightFile *> todo;
  for (WeightFile &file : index.files)
    if (!file.contentHash)
      todo.push_back(&file);
  if (threads == 0)
    threads = std::max(1u, std::thread::hardware_concurrency());

  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  auto work = [&] {
    for (size_t i = next++; i < todo.size(); i = next++) {
      try {
        todo[i]->contentHash = hashFile(*todo[i]);
      } catch (...) {
        std::lock_guard lock(mutex);
        if (!failure)
          failure = std::current_exception();
      }
    }
  };
  std::vector<std::thread> pool;
  for (size_t i = 1; i < std::min<size_t>(threads, todo.size()); ++i)
    pool.emplace_back(work);
  work();
  for (std::thread &thread : pool)
    thread.join();
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace quipu::frontend
