//===- CpuCode.cpp - Machine code of a plan ----------------------------------------------===//

#include "runtime/cpu/CpuCode.h"
#include "runtime/abi/KernelAbi.h"
#include "runtime/support/Descriptor.h"
#include "runtime/support/Error.h"
#include "runtime/support/Hash.h"
#include "runtime/support/OutputFile.h"
#include "runtime/support/TemporaryName.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <filesystem>
#include <sys/mman.h>
#include <unistd.h>

namespace quipu {

// Generated code calls these functions of the process. So the linker must not leave their libraries out.
#define QUIPU_ADDRESS(name) reinterpret_cast<const void *>(&name),
[[gnu::used]] static const void *const kHostFunctions[] = {QUIPU_HOST_FUNCTIONS(QUIPU_ADDRESS)};
#undef QUIPU_ADDRESS

static void checkElf(std::span<const uint8_t> elf, const std::string &planName) {
#if defined(__x86_64__)
  constexpr Elf64_Half machine = EM_X86_64;
#elif defined(__aarch64__)
  constexpr Elf64_Half machine = EM_AARCH64;
#endif
  Elf64_Ehdr header;
  if (elf.size() < sizeof(header))
    fail(planName, ": code module: ", elf.size(), " bytes are no shared library; compile the model again");
  memcpy(&header, elf.data(), sizeof(header));
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_DYN)
    fail(planName, ": code module: not an ELF shared library; compile the model again");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != machine)
    fail(planName, ": code module: for ELF machine ", header.e_machine, ", this machine is ", machine,
         "; compile the model for it");
}

/// The file in which the user wants the code to stay, so that profilers find its symbols when the program has ended.
/// Empty: no file is wanted. The name has a hash of the code, so files of other plans stay as they are.
static std::string keepCode(std::span<const uint8_t> elf, const std::string &planName) {
  const char *folder = getenv(kCodeFolderVariable);
  if (!folder || !*folder)
    return {};
  std::string hash = toHex(hashBytes(elf.data(), elf.size())).substr(0, 16);
  std::filesystem::path path =
      std::filesystem::path(folder) / concat(std::filesystem::path(planName).stem().string(), "-", hash, ".so");
  std::error_code error;
  if (std::filesystem::file_size(path, error) == elf.size() && !error)
    return path.string();
  std::filesystem::create_directories(folder, error);
  if (error)
    fail(kCodeFolderVariable, " names ", folder,
         ", where code is to be kept: cannot create the folder: ", error.message());
  OutputFile file(path.string());
  file.write(elf.data(), elf.size());
  file.commit();
  return path.string();
}

CpuCode::CpuCode(std::span<const uint8_t> elf, const std::string &planName) {
  checkElf(elf, planName);
  if (std::string path = keepCode(elf, planName); !path.empty()) {
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      fail(planName, ": cannot load code: ", dlerror(), " (", kCodeFolderVariable, " names the folder)");
    return;
  }
  std::string reason;
  fd = memfd_create("quipu-code", MFD_CLOEXEC);
  if (fd >= 0 && writeAll(fd, elf.data(), elf.size()) == 0) {
    // A debugger opens the path too: with the process's number it finds this file and its symbols.
    handle = dlopen(concat("/proc/", getpid(), "/fd/", fd).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      reason = dlerror();
  }
  if (!handle) {
    // The system may have no memory files or forbid to execute them, and /proc may be missing.
    if (fd >= 0)
      close(fd);
    TemporaryName file(temporaryFolder(), "quipu-code-");
    fd = file.create();
    if (fd < 0)
      fail(planName, ": cannot load code: ", file.path(), errnoSuffix(errno), reason.empty() ? "" : "; ", reason);
    int error = writeAll(fd, elf.data(), elf.size());
    if (!error)
      handle = dlopen(file.path().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!error && !handle)
      reason = dlerror();
    if (!handle) {
      close(fd);
      fail(planName, ": cannot load code: ", error ? file.path() + errnoSuffix(error) : reason);
    }
  }
}

CpuCode::~CpuCode() {
  dlclose(handle);
  if (fd >= 0)
    close(fd);
}

const void *CpuCode::lookup(const char *symbol) const { return dlsym(handle, symbol); }

} // namespace quipu
