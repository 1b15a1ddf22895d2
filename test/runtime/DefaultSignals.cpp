//===- DefaultSignals.cpp - Signals that end a program, as tests expect them --------------===//
//
// Who starts the tests may ignore some signals, as nohup does, and a shell for what runs in the background. Programs
// inherit that. Tests of signals expect them to end a program. So this runs before main(), before anything handles
// them.
//
//===----------------------------------------------------------------------------------===//

#include <csignal>
#include <initializer_list>

namespace {

const bool kRestored = [] {
  for (int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU})
    (void)signal(number, SIG_DFL);
  return true;
}();

} // namespace
