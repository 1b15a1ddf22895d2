//===- WeightIndex.cpp - Content hashes of weight files ----------------------------------===//

#include "frontends/common/WeightIndex.h"

#include "runtime/core/Error.h"
#include "runtime/core/MappedFile.h"
#include "runtime/core/ParallelFor.h"

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

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

  parallelFor(todo.size(), threads, [&](unsigned, const std::function<size_t()> &next) {
    for (size_t i = next(); i < todo.size(); i = next())
      todo[i]->contentHash = hashFile(*todo[i]);
  });
}

} // namespace quipu::frontend
