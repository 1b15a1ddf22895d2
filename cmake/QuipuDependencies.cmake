# Libraries from the distribution. What is fetched is pinned in SentencePiece.cmake and Nvtx.cmake.

find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 REQUIRED)

# Static: `quipu` and the executables that it makes need nothing but the C library.
find_library(MINIZIP_LIBRARY NAMES libminizip.a REQUIRED)
find_library(ZLIB_LIBRARY NAMES libz.a REQUIRED)

find_program(FLATC flatc REQUIRED)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
# Regular expressions and Unicode's normal forms, for tokenizers. The archives are linked: programs are copied to other
# machines.
find_path(PCRE2_INCLUDE_DIR pcre2.h REQUIRED)
find_library(PCRE2_LIBRARY NAMES libpcre2-8.a pcre2-8 REQUIRED)
find_path(UTF8PROC_INCLUDE_DIR utf8proc.h REQUIRED)
find_library(UTF8PROC_LIBRARY NAMES libutf8proc.a utf8proc REQUIRED)
# The server: Boost's headers alone (Asio, Beast).
find_path(BOOST_INCLUDE_DIR boost/beast/http/parser.hpp REQUIRED)
# Line editing of `quipu chat`, and what this library needs.
find_path(LIBEDIT_INCLUDE_DIR histedit.h REQUIRED)
set(LIBEDIT_LIBRARIES "")
foreach(name IN ITEMS edit bsd tinfo md)
  find_library(LIBEDIT_${name}_LIBRARY NAMES lib${name}.a ${name} REQUIRED)
  list(APPEND LIBEDIT_LIBRARIES ${LIBEDIT_${name}_LIBRARY})
endforeach()

if(QUIPU_BUILD_COMPILER)
  find_package(LLVM 22.1 REQUIRED CONFIG HINTS ${LLVM_ROOT})
  find_package(MLIR REQUIRED CONFIG HINTS ${LLVM_ROOT})
  find_package(LLD REQUIRED CONFIG HINTS ${LLVM_ROOT})
  set(LLVM_TOOLS_DIR ${LLVM_TOOLS_BINARY_DIR})
  list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
  include(TableGen)
  include(AddLLVM)
  include(AddMLIR)
  separate_arguments(QUIPU_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
  list(TRANSFORM QUIPU_LLVM_DEFINITIONS REPLACE "^-D" "")
endif()
