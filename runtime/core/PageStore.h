//===- PageStore.h - Pages of a key/value cache in files --------------------*- C++ -*-===//
//
// Pages that a cache has no room for, and those of a server that ends, are kept in a folder. So a long prompt that was
// computed once is not computed again. A page is a file. It is found by the hash of all tokens up to its end
// (BlockManager.h), and it is taken only if everything in it is right: the plan and the weights that it belongs to, its
// tokens, the page in front of it, and a hash of its content.
//
// The system keeps files that were used lately in memory. A folder in a file system in memory (/dev/shm) never reaches
// a disk.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_PAGESTORE_H
#define QUIPU_RUNTIME_CORE_PAGESTORE_H

#include "runtime/core/BlockManager.h"
#include "runtime/support/Hash.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace quipu {

struct PageStoreOptions {
  /// The folder, which is made if it is not there. Each binding has a folder in it.
  std::string folder;
  /// Most bytes of the files of this binding. Those that were used longest ago go first.
  uint64_t maxBytes = 0;
  /// What keys and values depend on besides tokens: the plan and its weights.
  Hash128 binding = {};
  /// Called, from any thread, when files can no longer be written or one is damaged. It may be empty.
  std::function<void(const std::string &remark)> note;
};

struct PageStoreCounts {
  uint64_t pages = 0;
  uint64_t bytes = 0;
  uint64_t saved = 0;
  uint64_t loaded = 0;
  /// Pages that were not saved because the disk was too slow or refused, and files that were not what they should be.
  uint64_t dropped = 0;
  uint64_t damaged = 0;
};

class PageStore {
public:
  /// Throws Error if the folder cannot be used.
  explicit PageStore(PageStoreOptions options);
  /// Writes what was saved.
  ~PageStore();
  PageStore(const PageStore &) = delete;
  PageStore &operator=(const PageStore &) = delete;

  bool has(const Hash128 &hash) const;
  /// Fills `content` with the page's. False if there is no such page; a file that is not right is removed. Several
  /// threads may load at the same time.
  bool load(const PageFacts &page, std::span<std::byte> content);
  /// Takes the page's content, which another thread writes. A page that is there is not written again. If too much
  /// waits to be written, the page is dropped.
  void save(const PageFacts &page, std::vector<std::byte> content);
  /// Waits until all that was saved is written.
  void flush();

  PageStoreCounts counts() const;

private:
  /// A file, by the time of its last use: the first is the next to go.
  struct Entry {
    Hash128 hash;
    uint64_t bytes;
  };
  using Entries = std::list<Entry>;
  struct FirstBytes {
    size_t operator()(const Hash128 &hash) const;
  };
  struct Waiting {
    Hash128 hash, before;
    uint64_t salt;
    std::vector<int32_t> tokens;
    std::vector<std::byte> content;
  };

  std::string pathOf(const Hash128 &hash) const;
  const Waiting *findWaiting(const Hash128 &hash) const;
  void readFolder();
  void run();
  bool read(const PageFacts &page, std::span<std::byte> content) const;
  void write(const Waiting &page);
  void add(const Hash128 &hash, uint64_t bytes);
  void remove(Entries::iterator entry);
  void touch(const Hash128 &hash) const;
  void say(const std::string &remark) const;

  const PageStoreOptions options;
  const std::string folder;

  /// For all below.
  mutable std::mutex mutex;
  std::condition_variable changed;
  Entries entries;
  std::unordered_map<Hash128, Entries::iterator, FirstBytes> index;
  std::deque<Waiting> queue;
  uint64_t queuedBytes = 0;
  bool isEnding = false;
  /// Set when the folder takes no more files.
  bool isBroken = false;
  PageStoreCounts events;

  std::thread writer;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_PAGESTORE_H
