# SentencePiece 0.2.1 as the static library `sentencepiece-static`, from its source distribution.
#
# Debian's 0.1.97 crashes on a crafted tokenizer.model, and later releases fetch parts while they configure; this one
# carries all it needs. The source is looked for in QUIPU_SENTENCEPIECE_SOURCE (an unpacked source distribution), then in
# the download cache of the user, and is obtained through pip otherwise. It counts only with the hash below.

set(QUIPU_SENTENCEPIECE_SOURCE "" CACHE PATH "Unpacked source distribution of sentencepiece 0.2.1 (default: fetched through pip)")

set(SENTENCEPIECE_VERSION 0.2.1)
set(SENTENCEPIECE_SHA256 8138cec27c2f2282f4a34d9a016e3374cd40e5c6e9cb335063db66a0a3b71fad)
set(SENTENCEPIECE_ARCHIVE sentencepiece-${SENTENCEPIECE_VERSION}.tar.gz)

# Sets `result` to TRUE when `file` is the pinned archive.
function(quipu_sentencepiece_archive_ok file result)
  set(${result} FALSE PARENT_SCOPE)
  if(EXISTS ${file})
    file(SHA256 ${file} hash)
    if(hash STREQUAL SENTENCEPIECE_SHA256)
      set(${result} TRUE PARENT_SCOPE)
    endif()
  endif()
endfunction()

function(quipu_fetch_sentencepiece destination)
  find_program(QUIPU_PYTHON NAMES python3 REQUIRED)
  string(RANDOM LENGTH 8 suffix)
  set(scratch ${CMAKE_BINARY_DIR}/_deps/pip-${suffix})
  file(MAKE_DIRECTORY ${scratch})
  message(STATUS "Fetching sentencepiece ${SENTENCEPIECE_VERSION} (source distribution, through pip)")
  # Preparing the metadata needs setuptools: pip fetches it by itself, or takes the installed one in the second try.
  foreach(isolation "" --no-build-isolation)
    execute_process(
      COMMAND ${QUIPU_PYTHON} -m pip download --quiet --disable-pip-version-check --no-deps --no-binary sentencepiece
              ${isolation} --dest ${scratch} sentencepiece==${SENTENCEPIECE_VERSION}
      RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(status EQUAL 0)
      break()
    endif()
  endforeach()
  quipu_sentencepiece_archive_ok(${scratch}/${SENTENCEPIECE_ARCHIVE} ok)
  if(ok)
    # Copied under another name first: several build folders may fetch at the same time.
    get_filename_component(folder ${destination} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(COPY_FILE ${scratch}/${SENTENCEPIECE_ARCHIVE} ${destination}.${suffix})
    file(RENAME ${destination}.${suffix} ${destination})
  endif()
  file(REMOVE_RECURSE ${scratch})
  if(NOT ok)
    message(FATAL_ERROR "sentencepiece ${SENTENCEPIECE_VERSION} could not be fetched through pip, or what came has "
      "another SHA-256 than ${SENTENCEPIECE_SHA256}. Install python3-pip and python3-setuptools and try again, or "
      "unpack its source distribution and configure with -DQUIPU_SENTENCEPIECE_SOURCE=DIR.\n${output}")
  endif()
endfunction()

if(QUIPU_SENTENCEPIECE_SOURCE)
  set(sentencepiece_root ${QUIPU_SENTENCEPIECE_SOURCE})
else()
  set(sentencepiece_root ${CMAKE_BINARY_DIR}/_deps/sentencepiece-${SENTENCEPIECE_VERSION})
  if(NOT EXISTS ${sentencepiece_root}/sentencepiece/CMakeLists.txt)
    if(DEFINED ENV{XDG_CACHE_HOME})
      set(cache $ENV{XDG_CACHE_HOME}/quipu/downloads)
    elseif(DEFINED ENV{HOME})
      set(cache $ENV{HOME}/.cache/quipu/downloads)
    else()
      set(cache ${CMAKE_BINARY_DIR}/_deps)
    endif()
    quipu_sentencepiece_archive_ok(${cache}/${SENTENCEPIECE_ARCHIVE} ok)
    if(NOT ok)
      quipu_fetch_sentencepiece(${cache}/${SENTENCEPIECE_ARCHIVE})
    endif()
    file(ARCHIVE_EXTRACT INPUT ${cache}/${SENTENCEPIECE_ARCHIVE} DESTINATION ${CMAKE_BINARY_DIR}/_deps)
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
