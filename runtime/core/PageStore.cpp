//===- PageStore.cpp - Pages of a key/value cache in files -------------------------------===//

#include "runtime/core/PageStore.h"
#include "runtime/support/Error.h"
#include "runtime/support/OutputFile.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace quipu {

namespace fs = std::filesystem;

namespace {

constexpr char kMagic[8] = {'Q', 'U', 'I', 'P', 'U', 'K', 'V', '1'};
constexpr const char *kSuffix = ".page";
/// So much may wait to be written. What comes faster than the disk takes it is dropped.
constexpr uint64_t kMostQueued = 512u << 20;

/// In front of the tokens and the content. All numbers are little-endian, as on the CPUs that Quipu runs on.
struct FileHeader {
  char magic[8];
  uint64_t salt;
  Hash128 binding, hash, before, contentHash;
  uint64_t tokens;
  uint64_t contentBytes;
};

} // namespace

size_t PageStore::FirstBytes::operator()(const Hash128 &hash) const {
  size_t first;
  memcpy(&first, hash.data(), sizeof(first));
  return first;
}

PageStore::PageStore(PageStoreOptions given)
    : options(std::move(given)), folder((fs::path(options.folder) / toHex(options.binding)).string()) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && !fs::is_directory(folder, error))
    error = std::make_error_code(std::errc::not_a_directory);
  // Pages say what people wrote.
  if (!error)
    fs::permissions(folder, fs::perms::owner_all, error);
  if (error)
    fail(options.folder, ": cannot keep pages of the cache there: ", error.message(),
         "; name a folder that this user may write to");
  readFolder();
  writer = std::thread([this] { run(); });
}

PageStore::~PageStore() {
  {
    std::lock_guard lock(mutex);
    isEnding = true;
  }
  changed.notify_all();
  writer.join();
}

void PageStore::say(const std::string &remark) const {
  if (options.note)
    options.note(remark);
}

std::string PageStore::pathOf(const Hash128 &hash) const { return folder + "/" + toHex(hash) + kSuffix; }

/// The hash that a file is named by; nothing for other files.
static bool hashOfName(const fs::path &path, Hash128 &hash) {
  std::string name = path.stem().string();
  if (path.extension() != kSuffix || name.size() != 2 * hash.size() ||
      name.find_first_not_of("0123456789abcdef") != name.npos)
    return false;
  for (size_t i = 0; i < hash.size(); ++i)
    hash[i] = uint8_t(std::stoi(name.substr(2 * i, 2), nullptr, 16));
  return true;
}

void PageStore::readFolder() {
  struct Found {
    fs::file_time_type used;
    Entry entry;
  };
  std::vector<Found> found;
  std::error_code error;
  for (const fs::directory_entry &file : fs::directory_iterator(folder, error)) {
    Found each;
    std::error_code unreadable;
    each.used = file.last_write_time(unreadable);
    each.entry.bytes = file.file_size(unreadable);
    if (!unreadable && hashOfName(file.path(), each.entry.hash))
      found.push_back(each);
  }
  if (error)
    fail(folder, ": cannot read the pages there: ", error.message());
  std::ranges::sort(found, {}, &Found::used);
  for (const Found &each : found)
    add(each.entry.hash, each.entry.bytes);
}

/// Puts a file behind the others, and removes the first ones if there are too many bytes.
void PageStore::add(const Hash128 &hash, uint64_t bytes) {
  entries.push_back({hash, bytes});
  index[hash] = std::prev(entries.end());
  events.bytes += bytes;
  while (events.bytes > options.maxBytes && !entries.empty())
    remove(entries.begin());
}

void PageStore::remove(Entries::iterator entry) {
  std::error_code gone;
  fs::remove(pathOf(entry->hash), gone);
  events.bytes -= entry->bytes;
  index.erase(entry->hash);
  entries.erase(entry);
}

bool PageStore::has(const Hash128 &hash) const {
  std::lock_guard lock(mutex);
  return index.contains(hash) || findWaiting(hash);
}

/// The page with this hash that waits to be written, or is being written. Null: there is none.
const PageStore::Waiting *PageStore::findWaiting(const Hash128 &hash) const {
  auto found = std::ranges::find(queue, hash, &Waiting::hash);
  return found == queue.end() ? nullptr : &*found;
}

/// Reads the page's file. False if it is not what it should be.
bool PageStore::read(const PageFacts &page, std::span<std::byte> content) const {
  std::ifstream file(pathOf(page.hash), std::ios::binary);
  FileHeader header;
  std::vector<int32_t> tokens(page.tokens.size());
  return bool(file.read(reinterpret_cast<char *>(&header), sizeof(header))) &&
         memcmp(header.magic, kMagic, sizeof(kMagic)) == 0 && header.binding == options.binding &&
         header.hash == page.hash && header.before == page.before && header.salt == page.salt &&
         header.tokens == tokens.size() && header.contentBytes == content.size() &&
         file.read(reinterpret_cast<char *>(tokens.data()), std::streamsize(tokens.size() * sizeof(int32_t))) &&
         std::ranges::equal(tokens, page.tokens) &&
         file.read(reinterpret_cast<char *>(content.data()), std::streamsize(content.size())) &&
         hashBytes(content.data(), content.size()) == header.contentHash;
}

bool PageStore::load(const PageFacts &page, std::span<std::byte> content) {
  std::unique_lock lock(mutex);
  if (!index.contains(page.hash)) {
    const Waiting *waiting = findWaiting(page.hash);
    if (!waiting || waiting->before != page.before || waiting->salt != page.salt ||
        !std::ranges::equal(waiting->tokens, page.tokens) || waiting->content.size() != content.size())
      return false;
    std::ranges::copy(waiting->content, content.begin());
    ++events.loaded;
    return true;
  }
  lock.unlock();
  bool isRight = read(page, content);
  lock.lock();
  // Meanwhile it may have been removed to make room.
  auto found = index.find(page.hash);
  if (!isRight) {
    if (found == index.end())
      return false;
    if (events.damaged++ == 0)
      say(concat(pathOf(page.hash), ": is not the page that it should be; it is removed and computed again"));
    remove(found->second);
    return false;
  }
  ++events.loaded;
  if (found != index.end()) {
    entries.splice(entries.end(), entries, found->second);
    touch(page.hash);
  }
  return true;
}

/// Notes the time of use. The system's own times have steps of some milliseconds.
void PageStore::touch(const Hash128 &hash) const {
  std::error_code ignored;
  fs::last_write_time(pathOf(hash), fs::file_time_type::clock::now(), ignored);
}

void PageStore::save(const PageFacts &page, std::vector<std::byte> content) {
  std::lock_guard lock(mutex);
  if (index.contains(page.hash) || findWaiting(page.hash))
    return;
  if (isBroken || queuedBytes + content.size() > kMostQueued) {
    ++events.dropped;
    return;
  }
  queuedBytes += content.size();
  queue.push_back({page.hash, page.before, page.salt, {page.tokens.begin(), page.tokens.end()}, std::move(content)});
  changed.notify_all();
}

void PageStore::flush() {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return queue.empty(); });
}

/// The thread that writes.
void PageStore::run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return !queue.empty() || isEnding; });
    if (queue.empty())
      return;
    // It stays in the queue meanwhile, so that it is found. Others only come behind it.
    const Waiting &page = queue.front();
    lock.unlock();
    std::string problem;
    try {
      write(page);
    } catch (const Error &error) {
      problem = error.what();
    }
    lock.lock();
    if (problem.empty()) {
      ++events.saved;
      add(page.hash, sizeof(FileHeader) + page.tokens.size() * sizeof(int32_t) + page.content.size());
    } else {
      ++events.dropped;
      isBroken = true;
      say(problem + "; no more pages of the cache are kept");
    }
    queuedBytes -= page.content.size();
    queue.pop_front();
    if (isBroken) {
      events.dropped += queue.size();
      queue.clear();
      queuedBytes = 0;
    }
    changed.notify_all();
  }
}

void PageStore::write(const Waiting &page) {
  FileHeader header = {{},
                       page.salt,
                       options.binding,
                       page.hash,
                       page.before,
                       hashBytes(page.content.data(), page.content.size()),
                       page.tokens.size(),
                       page.content.size()};
  memcpy(header.magic, kMagic, sizeof(kMagic));
  OutputFile file(pathOf(page.hash));
  file.write(&header, sizeof(header));
  file.write(page.tokens.data(), page.tokens.size() * sizeof(int32_t));
  file.write(page.content.data(), page.content.size());
  file.commit();
  touch(page.hash);
}

PageStoreCounts PageStore::counts() const {
  std::lock_guard lock(mutex);
  PageStoreCounts counts = events;
  counts.pages = entries.size();
  return counts;
}

} // namespace quipu
