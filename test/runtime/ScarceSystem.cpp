//===- ScarceSystem.cpp - A system that gives little -------------------------------------===//
//
// Loaded before a program (LD_PRELOAD), it lets QUIPU_TEST_THREADS threads start and refuses more, as a limit on
// processes does for everybody but root. With QUIPU_TEST_ONLY_NAMES there are no files without a name, neither in
// memory nor in folders.
//
//===----------------------------------------------------------------------------------===//

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define QUIPU_INTERPOSED extern "C" __attribute__((visibility("default"))) int

QUIPU_INTERPOSED pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                                void *argument) {
  static std::atomic<int> started{0};
  const char *most = getenv("QUIPU_TEST_THREADS");
  if (most && started++ >= atoi(most))
    return EAGAIN;
  using Create = int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  static const Create create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, start, argument);
}

static bool onlyNames() { return getenv("QUIPU_TEST_ONLY_NAMES") != nullptr; }

QUIPU_INTERPOSED memfd_create(const char *name, unsigned flags) {
  if (!onlyNames())
    return int(syscall(SYS_memfd_create, name, flags));
  errno = ENOSYS;
  return -1;
}

QUIPU_INTERPOSED open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  if (!onlyNames() || (flags & O_TMPFILE) != O_TMPFILE)
    return int(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  errno = EOPNOTSUPP;
  return -1;
}
