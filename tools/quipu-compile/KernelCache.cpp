//===- KernelCache.cpp - Machine code that was made before ------------------===//

#include "tools/quipu-compile/KernelCache.h"

#include "ir/Llama/Provenance.h"
#include "runtime/support/Error.h"
#include "runtime/support/Hash.h"
#include "runtime/support/OutputFile.h"
#include "tools/common/CacheKey.h"
#include "tools/common/Console.h"

#include "mlir/IR/OperationSupport.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>

namespace fs = std::filesystem;

namespace quipu::tool {

KernelCache::KernelCache(const CompileOptions &options) : withLines(options.keepIr) {
  const char *value = getenv(kKernelCacheVariable);
  if (!value || !*value || options.timing || options.passTiming || options.passStatistics || options.printAfterAll ||
      options.reproducing || !options.debugOnly.empty())
    return;
  folder = value;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    fail(kKernelCacheVariable, "=", folder, ": cannot create the folder for compiled kernels: ", error.message(),
         "; name a folder that can be written, or unset the variable");
}

std::string KernelCache::keyOf(mlir::ModuleOp code, std::initializer_list<std::string_view> more) const {
  if (!isOn())
    return {};
  std::string text;
  llvm::raw_string_ostream stream(text);
  mlir::OpPrintingFlags flags;
  flags.assumeVerified().useLocalScope();
  code.print(stream, flags);
  if (withLines)
    code.walk<mlir::WalkOrder::PreOrder>(
        [&](mlir::Operation *op) { stream << llama::sourceLineOf(op->getLoc()) << ' '; });
  CacheKey key;
  key.addProgram();
  for (std::string_view item : more)
    key.add(item);
  key.add(text);
  return key.hash();
}

std::string KernelCache::pathOf(const std::string &key) const { return (fs::path(folder) / (key + ".code")).string(); }

// A file is the hash of its rest, and then each text behind its length.

std::optional<std::vector<std::string>> KernelCache::find(const std::string &key) const {
  if (!isOn())
    return std::nullopt;
  auto file = llvm::MemoryBuffer::getFile(pathOf(key), /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return std::nullopt;
  llvm::StringRef rest = (*file)->getBuffer();
  Hash128 hash;
  if (rest.size() < hash.size())
    return std::nullopt;
  memcpy(hash.data(), rest.data(), hash.size());
  rest = rest.drop_front(hash.size());
  if (hashBytes(rest.data(), rest.size()) != hash)
    return std::nullopt;
  std::vector<std::string> texts;
  while (!rest.empty()) {
    uint64_t size;
    memcpy(&size, rest.data(), sizeof(size));
    texts.push_back(rest.substr(sizeof(size), size).str());
    rest = rest.drop_front(sizeof(size) + size);
  }
  return texts;
}

void KernelCache::keep(const std::string &key, const std::vector<std::string> &texts) const {
  if (!isOn())
    return;
  std::string content;
  for (const std::string &text : texts) {
    uint64_t size = text.size();
    content.append(reinterpret_cast<const char *>(&size), sizeof(size));
    content += text;
  }
  Hash128 hash = hashBytes(content.data(), content.size());
  try {
    OutputFile file(pathOf(key));
    file.write(hash.data(), hash.size());
    file.write(content.data(), content.size());
    file.commit();
  } catch (const std::exception &error) {
    printNote(concat("warning: the compiled kernels are not kept: ", error.what()));
  }
}

} // namespace quipu::tool
