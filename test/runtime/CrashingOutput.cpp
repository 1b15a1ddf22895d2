//===- CrashingOutput.cpp - A crash where a file gets its name ------------------------------===//
//
// Loaded before a program (LD_PRELOAD), it raises SIGSEGV where a file is to get a name that holds the text of
// QUIPU_TEST_CRASH_NAME. No lock is held, so that the program may go on.
//
//===----------------------------------------------------------------------------------===//

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

static void crashAt(const char *name) {
  const char *const text = getenv("QUIPU_TEST_CRASH_NAME");
  if (text && strstr(name, text))
    raise(SIGSEGV);
}

extern "C" {

__attribute__((visibility("default"))) int linkat(int from, const char *old, int to, const char *name, int flags) {
  using Linkat = int (*)(int, const char *, int, const char *, int);
  static const Linkat next = reinterpret_cast<Linkat>(dlsym(RTLD_NEXT, "linkat"));
  crashAt(name);
  return next(from, old, to, name, flags);
}

/// Where the file system has no nameless files.
__attribute__((visibility("default"))) int rename(const char *old, const char *name) {
  using Rename = int (*)(const char *, const char *);
  static const Rename next = reinterpret_cast<Rename>(dlsym(RTLD_NEXT, "rename"));
  crashAt(name);
  return next(old, name);
}
}
