# Run by every build: writes OUTPUT, which defines what tools/common/Build.h declares, when that has changed.
#   cmake -DOUTPUT=FILE -DSOURCE=FOLDER -DVERSION=X.Y.Z -P BuildInfo.cmake
execute_process(
  COMMAND git describe --always --abbrev=12 --exclude=* --dirty=+
  WORKING_DIRECTORY ${SOURCE}
  OUTPUT_VARIABLE commit
  OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET
  RESULT_VARIABLE status)
# Of a source tree that is no repository but lies in one, that one says nothing.
if(NOT status EQUAL 0 OR NOT EXISTS ${SOURCE}/.git)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[
#include "tools/common/Build.h"

const char *const quipu::tool::kBuildVersion = "@VERSION@";
const char *const quipu::tool::kBuildCommit = "@commit@";
]] @ONLY)
