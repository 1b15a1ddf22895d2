//===- PageStoreTest.cpp: pages of the cache in files --------------------------------------===//

#include "runtime/core/PageStore.h"
#include "runtime/engine/Engine.h"
#include "runtime/support/TemporaryFolder.h"
#include "test/runtime/FakeCudaTest.h"
#include "test/runtime/ToyTokens.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>

using namespace quipu;
using namespace quipu::test;

namespace fs = std::filesystem;

namespace {

constexpr size_t kBytes = 1000;

std::vector<std::byte> content(uint8_t first) {
  std::vector<std::byte> bytes(kBytes);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = std::byte(uint8_t(first + i));
  return bytes;
}

/// A page whose hash begins with `number`.
struct Page {
  explicit Page(uint8_t number) : tokens{number, 2, 3, 4} {
    facts.hash[0] = number;
    facts.before[0] = uint8_t(number - 1);
    facts.salt = 7;
    facts.tokens = tokens;
  }
  Page(const Page &) = delete;

  std::vector<int32_t> tokens;
  PageFacts facts;
};

class PageStoreTest : public testing::Test {
protected:
  PageStoreOptions options(uint8_t binding = 1) {
    PageStoreOptions result;
    result.folder = folder.path() + "/pages";
    result.maxBytes = 1 << 20;
    result.binding[0] = binding;
    result.note = [this](const std::string &remark) { notes.push_back(remark); };
    return result;
  }
  /// The only file of the store.
  fs::path file() {
    std::vector<fs::path> files;
    for (const fs::directory_entry &each : fs::recursive_directory_iterator(folder.path()))
      if (each.is_regular_file())
        files.push_back(each.path());
    EXPECT_EQ(files.size(), 1u);
    return files.at(0);
  }
  static bool holds(PageStore &store, const Page &page, uint8_t first) {
    std::vector<std::byte> found(kBytes);
    return store.load(page.facts, found) && found == content(first);
  }

  TemporaryFolder folder{"quipu-pages-"};
  std::vector<std::string> notes;
};

} // namespace

// Test: a page is found again, also by another store on the same folder; not by one of another plan.
TEST_F(PageStoreTest, KeepsPages) {
  Page one(1), two(2);
  {
    PageStore store(options());
    store.save(one.facts, content(10));
    store.flush();
    EXPECT_TRUE(holds(store, one, 10));
    EXPECT_FALSE(holds(store, two, 10));
    // What is there is not written again.
    store.save(one.facts, content(20));
    store.flush();
    EXPECT_TRUE(holds(store, one, 10));
    EXPECT_EQ(store.counts().saved, 1u);
    // Written when the store ends.
    store.save(two.facts, content(30));
  }
  PageStore again(options()), other(options(2));
  EXPECT_TRUE(holds(again, one, 10));
  EXPECT_TRUE(holds(again, two, 30));
  EXPECT_FALSE(other.has(one.facts.hash));
  EXPECT_EQ(again.counts().pages, 2u);
  EXPECT_TRUE(notes.empty());
}

// Test: a file of which a byte differs, in whatever part, is not taken, and goes.
TEST_F(PageStoreTest, RefusesDamagedFiles) {
  Page page(1);
  size_t size = 0;
  {
    PageStore store(options());
    store.save(page.facts, content(10));
    store.flush();
    size = fs::file_size(file());
  }
  std::string whole(size, '\0');
  std::ifstream(file(), std::ios::binary).read(whole.data(), std::streamsize(size));
  fs::path path = file();
  for (size_t at : {size_t(0), size_t(9), size_t(20), size_t(40), size_t(60), size_t(75), size_t(85), size_t(95),
                    size_t(100), size - 1, size}) {
    std::string bad = whole;
    if (at < size)
      bad[at] = char(bad[at] ^ 1);
    else
      bad.resize(size - 1);
    std::ofstream(path, std::ios::binary) << bad;
    PageStore store(options());
    EXPECT_FALSE(holds(store, page, 10)) << "byte " << at;
    EXPECT_EQ(store.counts().damaged, 1u);
    EXPECT_FALSE(fs::exists(path));
  }
  ASSERT_FALSE(notes.empty());
  EXPECT_NE(notes[0].find("is not the page that it should be"), std::string::npos);
  // Other facts than those of the file.
  std::ofstream(path, std::ios::binary) << whole;
  PageStore store(options());
  page.facts.salt = 8;
  EXPECT_FALSE(holds(store, page, 10));
}

// Test: with too many bytes the pages that were used longest ago go, in this process and in the next one.
TEST_F(PageStoreTest, RemovesOldPages) {
  PageStoreOptions bounded = options();
  bounded.maxBytes = 2500;
  Page one(1), two(2), three(3), four(4);
  {
    PageStore store(bounded);
    for (const Page *page : {&one, &two}) {
      store.save(page->facts, content(10));
      store.flush();
    }
    EXPECT_TRUE(holds(store, one, 10));
    store.save(three.facts, content(10));
    store.flush();
    EXPECT_TRUE(store.has(one.facts.hash));
    EXPECT_FALSE(store.has(two.facts.hash));
  }
  PageStore store(bounded);
  store.save(four.facts, content(10));
  store.flush();
  EXPECT_FALSE(store.has(one.facts.hash));
  EXPECT_TRUE(store.has(three.facts.hash));
  EXPECT_LE(store.counts().bytes, 2500u);
}

// Test: a folder that cannot be one is refused by name.
TEST_F(PageStoreTest, RefusesFolders) {
  std::string path = folder.path() + "/file";
  std::ofstream(path) << "x";
  PageStoreOptions bad = options();
  bad.folder = path;
  EXPECT_NE(errorOf([&] { PageStore store(bad); }).find(path + ": cannot keep pages of the cache there"),
            std::string::npos);
}

namespace {

class Answer : public RequestSink {
public:
  bool onToken(uint32_t, const ScoredToken &token) override {
    tokens.push_back(token.token);
    return true;
  }
  void onSampleEnd(const SampleEnd &end) override { EXPECT_NE(end.reason, FinishReason::Error) << end.message; }
  void onEnd(const RequestUsage &used) override {
    usage = used;
    ended.set_value();
  }

  std::vector<int32_t> tokens;
  RequestUsage usage;
  std::promise<void> ended;
};

std::shared_ptr<Answer> ask(Engine &engine, std::vector<int32_t> prompt) {
  auto answer = std::make_shared<Answer>();
  Request request;
  request.prompt = std::move(prompt);
  request.maxTokens = 6;
  request.ignoreEos = true;
  request.sampling.base.temperature = 0;
  engine.submit(std::move(request), answer);
  answer->ended.get_future().wait();
  return answer;
}

/// Engines one after the other, on one folder.
void expectKeptPages(const std::shared_ptr<const Model> &model, const std::string &folder) {
  PageStoreOptions stored;
  stored.folder = folder;
  stored.maxBytes = 1 << 24;
  EngineOptions options;
  // Room for one of the prompts.
  options.cacheTokens = kToyNanPosition;
  std::vector<int32_t> first = toyTokens(1, kToyNanPosition - 8), second = toyTokens(2, kToyNanPosition - 8);
  uint32_t whole = uint32_t(first.size() - 1) / kToyPage * kToyPage;
  std::vector<int32_t> expected;
  auto run = [&](const std::function<void(Engine &)> &work) {
    options.store = std::make_shared<PageStore>(stored);
    Engine engine(model, options);
    work(engine);
    EXPECT_TRUE(engine.drain(std::chrono::steady_clock::now() + std::chrono::seconds(60)));
  };
  run([&](Engine &engine) {
    expected = ask(engine, first)->tokens;
    (void)ask(engine, second);
    // The second prompt has taken the pages of the first one, which come back from their files.
    std::shared_ptr<Answer> again = ask(engine, first);
    EXPECT_EQ(again->tokens, expected);
    EXPECT_GT(again->usage.cachedTokens, 0u);
    PageStoreCounts counts = options.store->counts();
    EXPECT_GT(counts.loaded, 0u) << counts.pages << " pages, " << counts.saved << " saved, " << counts.dropped
                                 << " dropped, " << counts.damaged << " damaged";
  });
  run([&](Engine &engine) {
    std::shared_ptr<Answer> again = ask(engine, first);
    EXPECT_EQ(again->tokens, expected);
    EXPECT_EQ(again->usage.cachedTokens, whole);
    EXPECT_EQ(options.store->counts().damaged, 0u);
  });
}

class PageStoreOnCuda : public FakeCudaTest {};

} // namespace

// Test: prompts whose pages others took, and those of an engine that has ended, are not computed again, and have the
// same answers.
TEST_F(PageStoreTest, EnginesFindTheirPagesAgain) {
  TempFolder models;
  plan::PlanT plan = toyPlan(models);
  makePlain(plan, 2);
  expectKeptPages(Model::load(writeToyPlan(models, plan)), folder.path() + "/pages");
}

TEST_F(PageStoreOnCuda, EnginesFindTheirPagesAgain) {
  TemporaryFolder folder("quipu-pages-");
  expectKeptPages(Model::load(cudaPlan([](plan::PlanT &plan) { makePlain(plan, 2); })), folder.path());
}
