//===- FewThreads.cpp - A system that gives few threads ----------------------------------===//
//
// Loaded before a program (LD_PRELOAD), it lets QUIPU_TEST_THREADS threads start and refuses more, as a limit on
// processes does for everybody but root.
//
//===----------------------------------------------------------------------------------===//

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <dlfcn.h>
#include <pthread.h>

extern "C" __attribute__((visibility("default"))) int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
  static std::atomic<int> started{0};
  const char *most = getenv("QUIPU_TEST_THREADS");
  if (most && started++ >= atoi(most))
    return EAGAIN;
  using Create = int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  static const Create create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, start, argument);
}
