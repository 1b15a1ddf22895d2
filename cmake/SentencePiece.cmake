# SentencePiece 0.2.1 as the static library `sentencepiece-static`, from its source distribution.
#
# Debian's 0.1.97 crashes on a crafted tokenizer.model, and later releases fetch parts while they configure; this one
# carries all it needs. The source is looked for in QUIPU_SENTENCEPIECE_SOURCE (an unpacked source distribution), then in
# the download cache of the user, and is obtained through pip otherwise. It counts only with the hash below.

include(PinnedPackage)

set(QUIPU_SENTENCEPIECE_SOURCE "" CACHE PATH "Unpacked source distribution of sentencepiece 0.2.1 (default: fetched through pip)")

set(SENTENCEPIECE_VERSION 0.2.1)
set(SENTENCEPIECE_SHA256 8138cec27c2f2282f4a34d9a016e3374cd40e5c6e9cb335063db66a0a3b71fad)
set(SENTENCEPIECE_ARCHIVE sentencepiece-${SENTENCEPIECE_VERSION}.tar.gz)

if(QUIPU_SENTENCEPIECE_SOURCE)
  set(sentencepiece_root ${QUIPU_SENTENCEPIECE_SOURCE})
else()
  set(sentencepiece_root ${CMAKE_BINARY_DIR}/_deps/sentencepiece-${SENTENCEPIECE_VERSION})
  if(NOT EXISTS ${sentencepiece_root}/sentencepiece/CMakeLists.txt)
    quipu_pinned_package(archive sentencepiece ${SENTENCEPIECE_VERSION} ${SENTENCEPIECE_ARCHIVE} ${SENTENCEPIECE_SHA256}
      "unpack its source distribution and configure with -DQUIPU_SENTENCEPIECE_SOURCE=DIR" --no-binary sentencepiece)
    file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${CMAKE_BINARY_DIR}/_deps)
  endif()
endif()
if(NOT EXISTS ${sentencepiece_root}/sentencepiece/CMakeLists.txt)
  message(FATAL_ERROR "QUIPU_SENTENCEPIECE_SOURCE=${sentencepiece_root} is no unpacked sentencepiece "
    "${SENTENCEPIECE_VERSION} source distribution (sentencepiece/CMakeLists.txt is missing)")
endif()

set(SPM_ENABLE_SHARED OFF CACHE INTERNAL "")
set(SPM_ENABLE_TCMALLOC OFF CACHE INTERNAL "")
set(SPM_BUILD_TEST OFF CACHE INTERNAL "")
# EXCLUDE_FROM_ALL: only the static library is built (on demand), and nothing of it is installed.
add_subdirectory(${sentencepiece_root}/sentencepiece ${CMAKE_BINARY_DIR}/_deps/sentencepiece-build EXCLUDE_FROM_ALL)
target_compile_options(sentencepiece-static PRIVATE -w -fno-sanitize=undefined)
# Its files are small, and the headers that they share are large.
target_precompile_headers(sentencepiece-static PRIVATE <algorithm> <functional> <limits> <map> <memory> <mutex> <set>
  <sstream> <string> <unordered_map> <utility> <vector>)
# The second folder: what the generated header of the model's format includes.
target_include_directories(sentencepiece-static SYSTEM INTERFACE ${sentencepiece_root}/sentencepiece/src
                           ${sentencepiece_root}/sentencepiece/third_party/protobuf-lite)
set_target_properties(sentencepiece-static PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF UNITY_BUILD OFF)
