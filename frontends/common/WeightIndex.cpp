//===- WeightIndex.cpp - Hashes of weight files ------------------------------------------===//

#include "frontends/common/WeightIndex.h"

#include "runtime/support/Error.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/ParallelFor.h"
#include "runtime/support/Progress.h"
#include "runtime/support/WeightIdentity.h"

#include <algorithm>
#include <fcntl.h>
#include <functional>
#include <iterator>
#include <thread>
#include <unistd.h>
#include <vector>

namespace quipu::frontend {

std::vector<TensorPiece> WeightEntry::places() const {
  if (!pieces.empty())
    return pieces;
  uint64_t columns = 1;
  for (size_t i = 1; i < shape.size(); ++i)
    columns *= shape[i];
  return {{file, offset, 0, shape.empty() ? 1 : shape[0], 0, columns}};
}

void prefetchSamples(const WeightIndex &index) {
  std::vector<std::vector<ByteRange>> tensors(index.files.size());
  for (const auto &[name, entry] : index.tensors)
    for (const TensorPiece &piece : entry.places())
      std::ranges::copy(piece.bytes(*entry.format), std::back_inserter(tensors[piece.file]));
  for (size_t i = 0; i < index.files.size(); ++i) {
    int fd = open(index.files[i].path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
      continue;
    for (const ByteRange &sample : sampleRanges(std::move(tensors[i])))
      (void)posix_fadvise(fd, off_t(sample.offset), off_t(sample.size), POSIX_FADV_WILLNEED);
    close(fd);
  }
}

void hashContents(WeightIndex &index, unsigned threads) {
  std::vector<WeightFile *> todo;
  uint64_t total = 0;
  for (WeightFile &file : index.files)
    if (!file.contentHash) {
      todo.push_back(&file);
      total += file.size;
    }
  if (threads == 0)
    threads = std::max(1u, std::thread::hardware_concurrency());

  Progress progress("hash the weights", total);
  parallelFor(todo.size(), threads, [&](unsigned, const std::function<size_t()> &next) {
    for (size_t i = next(); i < todo.size(); i = next()) {
      WeightFile &file = *todo[i];
      auto mapped = MappedFile::open(file.place(), "weight file");
      if (mapped->size() != file.size)
        fail(file.path, ": the file was ", file.size, " bytes long when its header was read and is ", mapped->size(),
             " now; compile again when it is no longer being written");
      file.contentHash = hashContent(mapped->span(), [&](uint64_t more) { progress.add(more); });
    }
  });
}

} // namespace quipu::frontend
