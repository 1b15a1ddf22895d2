//===- CpuCode.cpp - Machine code of a plan ----------------------------------------------===//

#include "runtime/cpu/CpuCode.h"
#include "runtime/core/Error.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace quipu {

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

static bool writeAll(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return false;
    bytes = bytes.subspan(size_t(count));
  }
  return true;
}

CpuCode::CpuCode(std::span<const uint8_t> elf, const std::string &planName) {
  checkElf(elf, planName);
  std::string reason;
  fd = memfd_create("quipu-code", MFD_CLOEXEC);
  if (fd >= 0 && writeAll(fd, elf)) {
    handle = dlopen(concat("/proc/self/fd/", fd).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      reason = dlerror();
  }
  if (!handle) {
    // Memory files may be missing or barred from execution, and /proc may not be there.
    if (fd >= 0)
      close(fd);
    const char *folder = getenv("TMPDIR");
    std::string path = std::string(folder && *folder ? folder : "/tmp") + "/quipu-code-XXXXXX";
    fd = mkstemp(path.data());
    if (fd < 0)
      fail(planName, ": cannot load code: ", path, errnoSuffix(errno), reason.empty() ? "" : "; ", reason);
    bool written = writeAll(fd, elf);
    int error = errno;
    if (written)
      handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (written && !handle)
      reason = dlerror();
    unlink(path.c_str());
    if (!handle) {
      close(fd);
      fail(planName, ": cannot load code: ", written ? reason : path + errnoSuffix(error));
    }
  }
}

CpuCode::~CpuCode() {
  dlclose(handle);
  close(fd);
}

const void *CpuCode::lookup(const char *symbol) const { return dlsym(handle, symbol); }

} // namespace quipu
